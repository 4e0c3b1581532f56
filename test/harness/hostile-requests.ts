/**
 * Requests that two readers of HTTP/1.1 may read in two ways (RFC 9112 §11.2), for a frontend `Host:smuggling.test`, and
 * the pieces of which a property test mixes its own.
 */

export const HOST_NAME = 'smuggling.test';
const host = HOST_NAME;
const HOST = `Host: ${HOST_NAME}\r\n`;
/** Stands behind the others, and nobody may serve it there. */
export const NEXT = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;

export function post(fields: string, body = 'a', target = '/in'): string {
  return `POST ${target} HTTP/1.1\r\n${HOST}${fields}\r\n\r\n${body}`;
}

export function get(target: string, to = HOST): string {
  return `GET ${target} HTTP/1.1\r\n${to}\r\n`;
}

export function chunked(body: string): string {
  return post('Transfer-Encoding: chunked', body);
}

/** Refused, and nothing of it reaches a server. A next request stands behind each, which nobody may serve. */
export const REFUSED: Record<string, string> = {
  'a length with a sign': post('Content-Length: +1'),
  'a negative length': post('Content-Length: -1'),
  'a hexadecimal length': post('Content-Length: 0x1'),
  'an empty length': post('Content-Length:', ''),
  'a length in exponents': post('Content-Length: 1e0'),
  'a length with a blank inside': post('Content-Length: 1 1'),
  'a list of equal lengths': post('Content-Length: 1,1'),
  'a list of different lengths': post('Content-Length: 1, 2'),
  'two different lengths': post('Content-Length: 1\r\nContent-Length: 2'),
  'two lengths, the second empty': post('Content-Length: 1\r\nContent-Length:'),
  'two lengths, the first empty': post('Content-Length:\r\nContent-Length: 1'),
  'a length beyond 64 bits that is 1 modulo 2^64': post('Content-Length: 18446744073709551617'),
  'a length beyond all numbers': post(`Content-Length: ${'9'.repeat(400)}`),
  'a length with leading zeros beyond 15 digits': post('Content-Length: 0000000000000001'),
  'a length with a vertical tab': post('Content-Length: \x0b1'),
  'a length and a coding': post('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  'a coding and a length': post('Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n'),
  'a coding and an empty length': post('Transfer-Encoding: chunked\r\nContent-Length:', '0\r\n\r\n'),
  'an empty coding': post('Transfer-Encoding:', ''),
  'an empty coding and a length': post('Transfer-Encoding:\r\nContent-Length: 1'),
  'the coding identity': post('Transfer-Encoding: identity', '0\r\n\r\n'),
  'the coding xchunked': post('Transfer-Encoding: xchunked', '0\r\n\r\n'),
  'the coding gzip, chunked': post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'),
  'the coding chunked twice in one field': post('Transfer-Encoding: chunked, chunked', '0\r\n\r\n'),
  'the coding chunked twice in two fields': post(
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
    '0\r\n\r\n',
  ),
  'identity, then chunked': post('Transfer-Encoding: identity\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  'chunked, then identity': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', '0\r\n\r\n'),
  'a coding with a parameter': post('Transfer-Encoding: chunked;q=1', '0\r\n\r\n'),
  'a quoted coding': post('Transfer-Encoding: "chunked"', '0\r\n\r\n'),
  'a coding with a tab inside': post('Transfer-Encoding: chun\tked', '0\r\n\r\n'),
  'a coding with a vertical tab': post('Transfer-Encoding: \x0bchunked', '0\r\n\r\n'),
  'a coding with a form feed': post('Transfer-Encoding: chunked\x0c', '0\r\n\r\n'),
  'a coding with a NUL': post('Transfer-Encoding: chunked\0', '0\r\n\r\n'),
  'a coding with a no-break space inside': post('Transfer-Encoding: chun\xc2\xa0ked', '0\r\n\r\n'),
  'a coding with a small letter that lower-cases to k': post('Transfer-Encoding: chun\xe2\x84\xaaed', '0\r\n\r\n'),
  'a tab before the colon of a coding': post('Transfer-Encoding\t: chunked', '0\r\n\r\n'),
  'a blank before the colon of a coding': post('Transfer-Encoding : chunked', '0\r\n\r\n'),
  'a blank before the colon of a length': post('Content-Length : 1'),
  'a blank before the name of a coding': post('X: y\r\n Transfer-Encoding: chunked', '0\r\n\r\n'),
  'a folded coding': post('Transfer-Encoding:\r\n chunked', '0\r\n\r\n'),
  'a folded field': post('X: a\r\n b', ''),
  'a folded first line': `GET /in HTTP/1.1\r\n ${HOST}${HOST}\r\n`,
  'a field without a colon': post('Transfer-Encoding chunked', ''),
  'a name with a parenthesis': post('X(: y', ''),
  'a name with a byte above ASCII': post('X\xe9: y', ''),
  'a NUL in a field': post('X: a\0b', ''),
  'a control character in a field': post('X: a\x01b', ''),
  'a bare LF after a field': `GET /in HTTP/1.1\r\n${HOST}X: y\nZ: z\r\n\r\n`,
  'a bare LF at the end of a head': `GET /in HTTP/1.1\r\n${HOST}\n`,
  'bare LFs everywhere': `GET /in HTTP/1.1\n${HOST.replace('\r', '')}\n`,
  'a NUL in a target': `GET /in\0 HTTP/1.1\r\n${HOST}\r\n`,
  'a DEL in a target': `GET /in\x7f HTTP/1.1\r\n${HOST}\r\n`,
  'a byte in a target that is no UTF-8': `GET /in\xff HTTP/1.1\r\n${HOST}\r\n`,
  'an overlong LF in a target': `GET /in\xc0\x8a HTTP/1.1\r\n${HOST}\r\n`,
  'a blank in a target': `GET /in /x HTTP/1.1\r\n${HOST}\r\n`,
  'a tab before the version': `GET /in\tHTTP/1.1\r\n${HOST}\r\n`,
  'two blanks before the version': `GET /in  HTTP/1.1\r\n${HOST}\r\n`,
  'a blank after the version': `GET /in HTTP/1.1 \r\n${HOST}\r\n`,
  'a method that is no token': `GE(T /in HTTP/1.1\r\n${HOST}\r\n`,
  'a method with a byte above ASCII': `G\xc3\x89T /in HTTP/1.1\r\n${HOST}\r\n`,
  'an absolute target for another host': `GET http://other.test/in HTTP/1.1\r\n${HOST}\r\n`,
  'an authority as target': `CONNECT ${host}:80 HTTP/1.1\r\n${HOST}\r\n`,
  'an asterisk as target': `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
  'a target without its slash': `GET in HTTP/1.1\r\n${HOST}\r\n`,
  'no Host': `GET /in HTTP/1.1\r\nX: y\r\n\r\n`,
  'two equal Hosts': `GET /in HTTP/1.1\r\n${HOST}${HOST}\r\n`,
  'two different Hosts': `GET /in HTTP/1.1\r\n${HOST}Host: other.test\r\n\r\n`,
  'a Host with userinfo': `GET /in HTTP/1.1\r\nHost: other.test@${host}\r\n\r\n`,
  'a Host whose port hides another host': `GET /in HTTP/1.1\r\nHost: ${host}:80@other.test\r\n\r\n`,
  'a Host with a path': `GET /in HTTP/1.1\r\nHost: ${host}:80/other\r\n\r\n`,
  'a Host with a query': `GET /in HTTP/1.1\r\nHost: ${host}:80?other\r\n\r\n`,
  'a Host with a blank': `GET /in HTTP/1.1\r\nHost: ${host} other.test\r\n\r\n`,
  'a Host with a backslash': `GET /in HTTP/1.1\r\nHost: ${host}:80\\other\r\n\r\n`,
  'HTTP/0.9': 'GET /in\r\n',
  'HTTP/1.0': `GET /in HTTP/1.0\r\n${HOST}\r\n`,
  'HTTP/1.2': `GET /in HTTP/1.2\r\n${HOST}\r\n`,
  'HTTP in small letters': `GET /in http/1.1\r\n${HOST}\r\n`,
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'more than 100 fields': `GET /in HTTP/1.1\r\n${HOST}${'X: y\r\n'.repeat(120)}\r\n`,
  'a chunk size with a sign': chunked('+1\r\na\r\n0\r\n\r\n'),
  'a negative chunk size': chunked('-1\r\na\r\n0\r\n\r\n'),
  'a chunk size with a prefix': chunked('0x1\r\na\r\n0\r\n\r\n'),
  'a chunk size with a letter behind': chunked('1x\r\na\r\n0\r\n\r\n'),
  'a chunk size beyond 64 bits': chunked('10000000000000001\r\na\r\n0\r\n\r\n'),
  'a chunk longer than its size': chunked('1\r\nabcxyz\r\n0\r\n\r\n'),
};

/**
 * Of those, what our own engine serves: what RFC 9112 has for them. The absolute form names the host (§3.2.2), a version
 * above 1.1 is served as that (RFC 9110 §2.5); the preface is that of another protocol.
 */
export const TSUJI_DIFFERS: ReadonlySet<string> = new Set([
  'an absolute target for another host',
  'an asterisk as target',
  'HTTP/1.0',
  'HTTP/1.2',
  'the preface of HTTP/2',
]);

/** Taken: the server sees these targets and bodies, in framing of ours. */
export const TAKEN: Record<string, { bytes: string; bodies: string[] }> = {
  'a length with blanks around it': { bytes: post('Content-Length: \t 1 \t'), bodies: ['a'] },
  'a length with a leading zero': { bytes: post('Content-Length: 01'), bodies: ['a'] },
  'equal lengths in two fields': { bytes: post('Content-Length: 1\r\nContent-Length: 1'), bodies: ['a'] },
  'a coding in capitals with tabs around it': {
    bytes: post('TRANSFER-ENCODING:\tCHUNKED\t', '1\r\na\r\n0\r\n\r\n'),
    bodies: ['a'],
  },
  'a field whose name only looks like a coding': { bytes: post('Transfer_Encoding: chunked', ''), bodies: [''] },
  'a coding that Connection names': {
    bytes: post('Connection: Transfer-Encoding, close\r\nTransfer-Encoding: chunked', '1\r\na\r\n0\r\n\r\n'),
    bodies: ['a'],
  },
  'a Host that Connection names': {
    bytes: post('Connection: host, content-length\r\nContent-Length: 1'),
    bodies: ['a'],
  },
  'a chunk size with many zeros': { bytes: chunked('00000000000000000005\r\nhello\r\n0\r\n\r\n'), bodies: ['hello'] },
  'chunk sizes in capitals': { bytes: chunked('A\r\n0123456789\r\n0\r\n\r\n'), bodies: ['0123456789'] },
  'a body that looks like a request': { bytes: post(`Content-Length: ${NEXT.length}`, NEXT), bodies: [NEXT] },
  'chunks that look like requests': {
    bytes: chunked(`${NEXT.length.toString(16)}\r\n${NEXT}\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n`),
    bodies: [`${NEXT}0\r\n\r\n`],
  },
  'characters that become line ends when their high byte is lost': {
    bytes: post('X: \xc4\x8d\xc4\x8aX-Injected: 1\xe0\xb4\x8a\xe2\x80\xa8', ''),
    bodies: [''],
  },
  'an upgrade to HTTP/2 in the clear': {
    bytes: post('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA', ''),
    bodies: [''],
  },
};

/** Of those, what our own engine refuses: one length is enough. */
export const TSUJI_REFUSES: ReadonlySet<string> = new Set(['equal lengths in two fields']);

/** uWebSockets reads these otherwise than RFC 9112 does. Whatever it makes of them, it must stay one request. */
export const CARELESS: Record<string, string> = {
  'an extension': '5;a=b\r\nhello\r\n0\r\n\r\n',
  'an extension with a quoted line end': '5;a="\r\n"\r\nhello\r\n0\r\n\r\n',
  'an extension with a bare LF': '5;a\nb\r\nhello\r\n0\r\n\r\n',
  'an extension with a bare CR': '5;a\rb\r\nhello\r\n0\r\n\r\n',
  'an extension of the last chunk': '0;a=b\r\n\r\n',
  'a size that ends with a bare LF': '5\nhello\r\n0\r\n\r\n',
  'a size with a blank before': ' 5\r\nhello\r\n0\r\n\r\n',
  'a size with a blank behind': '5 \r\nhello\r\n0\r\n\r\n',
  'a size with a control character behind': '5\x01\r\nhello\r\n0\r\n\r\n',
  'an empty size': '\r\nhello\r\n0\r\n\r\n',
  'a size with the digit g': 'g\r\nhellohellohelloh\r\n0\r\n\r\n',
  'a size with the digit :': ':\r\nhellohello\r\n0\r\n\r\n',
  'no line end behind the data': '5\r\nhello0\r\n\r\n',
  'anything for the line end behind the data': '5\r\nhelloXX0\r\n\r\n',
  'anything for the line end behind the last chunk': '0\r\nXX',
  'bare LFs at the end': '0\n\n',
  'a trailer': '0\r\nX: y\r\n\r\n',
  'a trailer that looks like a request': `0\r\n${NEXT}`,
  'a trailer that is a request but for two bytes': `0\r\nxx${NEXT}`,
};

/** Of those, what is no mistake. */
export const GOOD_CHUNKS: ReadonlySet<string> = new Set([
  'an extension',
  'an extension of the last chunk',
  'a trailer',
]);

/** Heads as they may begin, so that not all of what follows is refused at its first byte. */
export const BEGINNINGS = [
  '',
  `GET /a HTTP/1.1\r\n${HOST}`,
  `POST /b HTTP/1.1\r\n${HOST}`,
  `POST /b HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n`,
];

/** Of requests, good and bad. */
export const FRAGMENTS = [
  'GET /a HTTP/1.1\r\n',
  'POST /b HTTP/1.1\r\n',
  'HEAD /c HTTP/1.1\r\n',
  'GET /\r\n',
  HOST,
  HOST,
  HOST,
  'Host: nobody.test\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'content-length:5\r\n',
  'Content-Length: 5, 5\r\n',
  'Content-Length:\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding:chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Transfer-Encoding : chunked\r\n',
  'Connection: close\r\n',
  'Connection: content-length, transfer-encoding, host\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: websocket\r\n',
  'X: y\r\n',
  ': empty\r\n',
  'X: a\rb\r\n',
  '\r\n',
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  'hello',
  '5\r\nhello\r\n',
  '5;x=y\r\nhello\r\n',
  '5\nhello\r\n',
  '0\r\n\r\n',
  '0\r\nX: y\r\n\r\n',
  '0',
  'ffffffff\r\n',
  NEXT,
  `POST /whole HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
  `POST /whole HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  `GET /whole HTTP/1.1\r\n${HOST}\r\n`,
];
