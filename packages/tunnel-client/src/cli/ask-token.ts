import { Writable } from 'node:stream'
import { TunnelError } from 'tunnel-protocol'
import { isToken } from '../servers/known-servers.js'

/** More than any token has. */
const MAX_CHARACTERS = 4_096
const EXIT_INTERRUPTED = 130

/** The token that a person types, or that is piped in. Rejects with TUN_ERR_OPTION where none comes, or what comes is none. */
export async function askToken(serverUrl: string): Promise<string> {
  const token = process.stdin.isTTY ? await typedLine(`Token for ${serverUrl} (not shown): `) : await pipedLine()
  if (isToken(token)) return token
  const found = token === '' ? 'none came' : 'what came has spaces or other characters that no token has'
  throw new TunnelError('TUN_ERR_OPTION', `token: expected one on stdin, in one line; ${found}`)
}

async function typedLine(question: string): Promise<string> {
  const { createInterface } = await import('node:readline')
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 })
  return new Promise((resolve) => {
    const finish = (line: string) => {
      process.stderr.write('\n')
      resolve(line.trim())
      lines.removeAllListeners('close').close()
    }
    lines.once('line', finish)
    lines.once('close', () => finish('')) // Ctrl-D
    lines.once('SIGINT', () => {
      finish('')
      process.exit(EXIT_INTERRUPTED)
    })
    // From here on nothing is echoed.
    process.stderr.write(question)
  })
}

async function pipedLine(): Promise<string> {
  let text = ''
  for await (const part of process.stdin.setEncoding('utf8')) {
    text += part
    if (text.includes('\n') || text.length > MAX_CHARACTERS) break
  }
  return text.split('\n', 1)[0]!.trim()
}
