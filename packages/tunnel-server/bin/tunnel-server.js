#!/usr/bin/env node
import 'tunnel-command/memory'

const { main } = await import('../dist/cli.js')
await main(process.argv)
