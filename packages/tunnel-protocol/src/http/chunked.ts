/** Where what is written is gathered. */
export interface ChunkSink {
  text(text: string): void
  piece(piece: Buffer): void
}

/** Write `part` as one chunk (RFC 9112 section 7.1). An empty part is left out: a chunk of size 0 would end the body. */
export function writeChunk(to: ChunkSink, part: Buffer): void {
  if (part.length === 0) return
  to.text(`${part.length.toString(16)}\r\n`)
  to.piece(part)
  to.text('\r\n')
}

/** Write the last chunk and the trailers, header lines that end in CRLF each. */
export function writeLastChunk(to: Pick<ChunkSink, 'text'>, trailers: string): void {
  to.text(`0\r\n${trailers}\r\n`)
}
