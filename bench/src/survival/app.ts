import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** An app of an attack's own that gets raw connections, on any free port of loopback, for as long as `work` takes. */
export async function withApp<T>(
  onConnection: (socket: Socket) => void,
  work: (port: number) => Promise<T>,
): Promise<T> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    onConnection(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await work((server.address() as AddressInfo).port)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
}
