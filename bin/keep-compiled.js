// Run by build.js in place of the launcher: the same command, whose compiled code is kept for later starts.
'use strict';

require('./start.js').startAndKeepCompiled(process.env['KEEP_COMPILED_OF']);
