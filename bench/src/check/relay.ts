// The least that a tunnel on Node could do: two of these in a row, each a process that passes on bytes. node relay.js <port> <port to connect to>
import { connect, createServer } from 'node:net'
import { LOOPBACK } from '../process/ports.js'

const [port, to] = process.argv.slice(2).map(Number)
if (port === undefined || to === undefined) throw new Error('a port to listen on and a port to connect to are needed')

createServer({ noDelay: true }, (near) => {
  const far = connect({ port: to, host: LOOPBACK, noDelay: true })
  near.pipe(far).pipe(near)
  for (const socket of [near, far]) {
    socket.on('error', () => {})
    socket.on('close', () => {
      near.destroy()
      far.destroy()
    })
  }
}).listen(port, LOOPBACK)
