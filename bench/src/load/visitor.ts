import { connect, type Socket } from 'node:net'
import { LOOPBACK } from '../process/ports.js'
import type { Address } from './job.js'

const BUFFER_BYTES = 256 * 1_024

/**
 * A visitor's connection with one reused buffer: nothing is allocated per read.
 * `onBytes` gets a view that is valid until it returns; returning false pauses reading until `resume`.
 */
export function visit(
  { ip = LOOPBACK, port }: Address,
  onBytes: (bytes: Uint8Array) => boolean,
  onClose: (error: Error | undefined) => void,
): Socket {
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  const socket = connect({
    port,
    host: ip,
    noDelay: true,
    onread: { buffer, callback: (length, into) => onBytes(into.subarray(0, length)) },
  })
  let failure: Error | undefined
  socket.on('error', (error) => {
    failure = error
  })
  socket.on('close', () => onClose(failure))
  return socket
}
