/** WebSocket subprotocol that both sides must agree on. */
export const SUBPROTOCOL = 'tunnel.v1'
/** Where a server takes links, on its bare domain. */
export const LINK_PATH = '/api/link'

/** Frame types. 0x00–0x0f concern the session (stream id 0), 0x10–0x1f one stream. Unknown types are skipped. */
export const FrameType = {
  Control: 0x00,
  Ping: 0x01,
  Pong: 0x02,
  GoAway: 0x03,
  Ack: 0x04,
  Open: 0x10,
  Head: 0x11,
  Interim: 0x12,
  Data: 0x13,
  Trailers: 0x14,
  Reset: 0x15,
  Credit: 0x16,
} as const

export const FrameFlag = {
  /** The sender sends nothing more on this stream (OPEN, HEAD, DATA, TRAILERS). */
  End: 0x01,
} as const

/** What a stream carries: first byte of an OPEN payload. */
export const StreamKind = { Http: 1, Upgrade: 2 } as const
export type StreamKind = (typeof StreamKind)[keyof typeof StreamKind]

/** Bytes of a frame header: type 1, flags 1, stream id 4, payload length 4. */
export const FRAME_HEADER_BYTES = 10
/** Bytes in front of the head in an OPEN payload: kind 1, tunnel number 4. */
export const OPEN_PREFIX_BYTES = 5

/** Largest payload of a DATA frame we send, in bytes. */
export const DATA_FRAME_BYTES = 64 * 1024
/** Largest payload of a DATA frame, or of a frame of unknown type, we accept, in bytes. */
export const MAX_DATA_BYTES = 1024 * 1024
/** Largest CONTROL payload, in bytes: parsing nested JSON costs more than most. */
export const MAX_CONTROL_BYTES = 64 * 1024
/** Largest payload of any other frame, in bytes; these are held whole. */
export const MAX_FRAME_BYTES = 256 * 1024

/** Bytes a receiver takes per stream before it has read any, unless hello or welcome says otherwise. */
export const DEFAULT_WINDOW_BYTES = 256 * 1024
/** The window we announce: what a stream whose reader stands still may cost, in bytes. */
export const FIRST_WINDOW_BYTES = 64 * 1024
/** To what our window for a stream grows while its reader keeps up, in bytes. */
export const GROWN_WINDOW_BYTES = 256 * 1024
/** What the windows of one session's streams may grow by together, in bytes. */
export const SESSION_GROWTH_BYTES = 16 * 1024 * 1024
/** What they may have beyond GROWN_WINDOW_BYTES each, in bytes: twice the largest window, as each leaves to others as much as it takes. */
export const SESSION_TUNING_BYTES = 32 * 1024 * 1024
/** Smallest and largest window, in bytes. */
export const MIN_WINDOW_BYTES = 16 * 1024
export const MAX_WINDOW_BYTES = 16 * 1024 * 1024

/** Links one agent has at once, each with a session of its own. */
export const MAX_LINKS = 8

/** Streams one session carries at once. */
export const DEFAULT_MAX_STREAMS = 2_048
/** The most that a server can be told to let one session carry. An agent takes so many: how many there are is the server's to say. */
export const MAX_STREAMS = 65_536
/** Control frames (heads, resets, credit) that may wait for a slow link before the session ends, in bytes. */
export const MAX_QUEUED_CONTROL_BYTES = 16 * 1024 * 1024

/** Bytes received after which the peer is told, so that it need not keep them for a new link. */
export const ACK_AFTER_BYTES = 64 * 1024

/** The same as a part of what windows have beyond GROWN_WINDOW_BYTES, where that is more. */
export const ACK_SHARE = 1 / 4

/** The same where something is sent anyway. */
export const ACK_ALONG_BYTES = 1024

/** Bytes kept for a peer that has not acknowledged them. What the kernels on the way may hold is a fraction of that. */
export const MAX_UNACKNOWLEDGED_BYTES = 64 * 1024 * 1024

/** Bytes left free in front of what is handed to a link: as much as the longest WebSocket header has. */
export const LINK_HEADROOM_BYTES = 14
/** Bytes handed to the link and not yet taken by the kernel above which the session holds bulk data back. */
export const LINK_HIGH_WATER_BYTES = 256 * 1024
/** So much, or less, of a stream that ends with it goes along with its head, in front of all bulk data. In bytes. */
export const SMALL_DATA_BYTES = 8 * 1024
/** Bytes a stream may queue before its source is asked to pause. */
export const STREAM_HIGH_WATER_BYTES = 64 * 1024
/** The same where nothing keeps them from leaving with this turn: a source that goes on costs less than one that pauses. */
export const STREAM_TURN_BYTES = 256 * 1024

export const DEFAULT_PING_INTERVAL_MS = 15_000
export const DEFAULT_PING_DEADLINE_MS = 10_000
/** A timer that comes so much too late by the clock says that the machine was asleep, or this process stopped. */
export const SLEPT_MS = 5_000
