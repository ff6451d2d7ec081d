import { startDemo } from './index.js'

const value = process.argv[2] ?? '8080'
const port = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN
if (!(port <= 65_535)) {
  console.error(`the port must be a number from 0 to 65535, not "${value}"`)
  process.exit(64)
}

try {
  const demo = await startDemo({ port })
  console.log(`demo app on http://localhost:${demo.port}`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void demo.close().then(() => process.exit(0)))
  }
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') {
    console.error(`port ${port} is already in use; choose another one: node demo/dist/main.js ${port + 1}`)
  } else {
    console.error(`the demo app cannot listen on port ${port}: ${message}`)
  }
  process.exit(1)
}
