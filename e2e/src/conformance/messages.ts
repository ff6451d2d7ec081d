/** The tunnel's name, and the Host that its visitors ask for. */
export const NAME = 'demo'
export const HOST = 'demo.localhost'

/** A request: `start` is method and target, `lines` come behind Host. */
export function request(start: string, lines: string[] = [], body = ''): string {
  return `${start} HTTP/1.1\r\n${head([`Host: ${HOST}`, ...lines])}${body}`
}

/** An answer: `start` is status and reason. */
export function answer(start = '200 OK', lines: string[] = ['Content-Length: 2'], body = ''): string {
  return `HTTP/1.1 ${start}\r\n${head(lines)}${body}`
}

export const OK = answer('200 OK', ['Content-Length: 2'], 'ok')

/** Header lines, and the empty line behind them. */
export function head(lines: string[]): string {
  return [...lines, '', ''].join('\r\n')
}

/** A body in one chunk for each part. */
export function chunked(parts: string[], trailers: string[] = []): string {
  return `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n${head(trailers)}`
}

/** All 256 bytes, `times` times. */
export function everyByte(times = 1): string {
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))
    .join('')
    .repeat(times)
}
