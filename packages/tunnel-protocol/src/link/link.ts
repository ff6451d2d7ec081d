/** What a link tells the session that is attached to it. After onClosed nothing more comes. */
export interface LinkHandler {
  onBytes(chunk: Buffer): void
  /** All bytes handed to send() so far have been taken by the operating system. */
  onDrained(): void
  /** `reason` says in words why, for the log. Called once. */
  onClosed(reason: string): void
}

/** An ordered, reliable run of bytes between server and agent that may end at any time. */
export interface Link {
  /** Set by the session on attach; bytes that arrive while it is unset are lost. */
  handler: LinkHandler | undefined
  /** Bytes given to send() that the operating system has not taken yet. */
  readonly bufferedBytes: number
  /** Address of this machine that the link goes out from, as os.networkInterfaces() names it; undefined where it has none. */
  readonly localAddress?: string | undefined
  /** How long the other end took for its first words, in milliseconds, where it was waited for. */
  roundTripMs?: number | undefined
  /**
   * Send `parts` in order, in one system call where possible. The buffers must not change afterwards. `headroom`: bytes in front of the first
   * part, in the same memory, that the link may write to. Default 0.
   */
  send(parts: Buffer[], headroom?: number): void
  /** Read nothing more from the peer until resume(). For whoever passes bytes on: a session never asks for it. */
  pause?(): void
  resume?(): void
  /** Close after everything sent so far; cut after two seconds when the peer does not answer. */
  close(): void
  /** Cut at once. */
  destroy(): void
}
