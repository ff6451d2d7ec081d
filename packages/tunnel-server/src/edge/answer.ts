/** A whole answer of the tunnel's own, in place of one of the app. */
export interface Answer {
  status: number
  /** Header lines, each ending in CRLF. */
  headers: string
  body: Buffer
}
