// node:http and nothing else: the given bytes with the given headers, for whatever is asked. In
// JavaScript, so that nothing but node:http counts when its start is measured.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [, , port = '0', headersFile = '', bodyFile = ''] = process.argv;
const headers = headersFile === '' ? {} : JSON.parse(readFileSync(headersFile, 'utf8'));
const body = bodyFile === '' ? Buffer.from('ok') : readFileSync(bodyFile);

createServer((_request, response) => {
  response.writeHead(200, headers).end(body);
}).listen(Number(port), '127.0.0.1');
