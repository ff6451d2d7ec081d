import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { TunnelError } from 'tunnel-protocol'

/** Certificate and key from two PEM files; undefined where neither is given. Throws TUN_ERR_OPTION, also for a key of another certificate. */
export function readCertificate(certPath: string | undefined, keyPath: string | undefined): SecureContext | undefined {
  if (certPath === undefined && keyPath === undefined) return undefined
  if (certPath === undefined || keyPath === undefined) {
    throw new TunnelError('TUN_ERR_OPTION', 'a certificate needs its key: give both --tls-cert and --tls-key')
  }
  const cert = read(certPath, '--tls-cert', 'CERTIFICATE')
  const key = read(keyPath, '--tls-key', 'PRIVATE KEY')
  try {
    return createSecureContext({ cert, key, minVersion: 'TLSv1.2' })
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unusable'
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `the key in ${keyPath} and the certificate in ${certPath} do not make a pair (${reason})`,
    )
  }
}

function read(path: string, flag: string, kind: string): string {
  let pem: string
  try {
    pem = readFileSync(path, 'utf8')
  } catch (error) {
    throw new TunnelError('TUN_ERR_OPTION', `${flag}: cannot read ${path} (${(error as NodeJS.ErrnoException).code})`)
  }
  if (new RegExp(`-----BEGIN [A-Z ]*${kind}-----`).test(pem)) return pem
  throw new TunnelError('TUN_ERR_OPTION', `${flag}: there is no ${kind.toLowerCase()} in ${path}; expected a PEM file`)
}

/**
 * The server's end of TLS on a connection that a visitor has opened, half-open like it. Calls `onSecure` when the handshake is done; a connection on which
 * it is not within `deadlineMs` (0: no limit), or fails, is closed. A visitor whose connection ends without close_notify counts as one who has
 * ended: Node does not tell the two apart here.
 */
export function secure(
  transport: Socket,
  secureContext: SecureContext,
  deadlineMs: number,
  onSecure: (socket: Socket) => void,
): void {
  const socket = new TLSSocket(transport, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] })
  // Its own would try to reset a handle that knows no reset.
  socket.resetAndDestroy = () => {
    transport.resetAndDestroy()
    return socket.destroy()
  }
  const timer = deadlineMs === 0 ? undefined : setTimeout(() => socket.destroy(), deadlineMs).unref()
  socket.on('error', () => {}) // 'close' follows
  socket.once('close', () => clearTimeout(timer))
  socket.once('secure', () => {
    clearTimeout(timer)
    onSecure(socket)
  })
}
