import { FRAME_HEADER_BYTES, FrameType, MAX_CONTROL_BYTES, MAX_DATA_BYTES, MAX_FRAME_BYTES } from '../constants.js'
import { TunnelError } from '../errors.js'

/** One frame header: type u8, flags u8, stream id u32, payload length u32, big-endian. */
export interface FrameHeader {
  type: number
  flags: number
  streamId: number
  /** Payload bytes that follow the header. */
  length: number
}

/** By type; what is not here passes through, or is skipped. */
const limits: number[] = []
for (const type of Object.values(FrameType)) limits[type] = MAX_FRAME_BYTES
limits[FrameType.Control] = MAX_CONTROL_BYTES
limits[FrameType.Data] = MAX_DATA_BYTES

/**
 * Read the header at `offset` into `into`, which the caller reuses, so that reading a frame allocates nothing.
 * Throws TUN_ERR_PROTOCOL when the length is over the limit for its type: nothing is kept before this check.
 */
export function readHeader(bytes: Buffer, offset: number, into: FrameHeader): FrameHeader {
  into.type = bytes[offset]!
  into.flags = bytes[offset + 1]!
  into.streamId = bytes.readUInt32BE(offset + 2)
  into.length = bytes.readUInt32BE(offset + 6)
  const limit = limits[into.type] ?? MAX_DATA_BYTES
  if (into.length <= limit) return into
  throw new TunnelError('TUN_ERR_PROTOCOL', `a frame of type ${into.type} claims ${into.length} bytes, over ${limit}`)
}

/** Write a header at `offset` and return the offset behind it. */
export function writeHeader(
  bytes: Buffer,
  offset: number,
  type: number,
  flags: number,
  streamId: number,
  length: number,
): number {
  bytes[offset] = type
  bytes[offset + 1] = flags
  bytes.writeUInt32BE(streamId, offset + 2)
  bytes.writeUInt32BE(length, offset + 6)
  return offset + FRAME_HEADER_BYTES
}
