// Stands here until the command line is in place.
process.stdout.write('payrecon\n')
