// Writes what is made from bench/results.json, without measuring anything: `npm run bench:docs`.
import { writeDocs } from './suite/docs.ts';
import { readResults } from './suite/results.ts';

writeDocs(readResults());
