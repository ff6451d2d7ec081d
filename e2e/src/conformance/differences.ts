import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

/**
 * What the comparison takes away from a message before it compares, and all that it takes away. Each is named as its entry
 * in docs/protocol.md, "Differences from a direct connection". Chunks are the reader's own business (reader.ts).
 */
export const differences = {
  /** The lines that the edge adds for the app stand at the end of the head, and are exactly these. */
  'Forwarding fields'(head: string, lines: string): string {
    const at = head.indexOf(lines)
    assert.ok(at >= 0, `the app does not learn who asked: ${JSON.stringify(head)}`)
    const rest = head.slice(at + lines.length)
    assert.match(
      rest,
      /^(Connection: Upgrade\r\nUpgrade: [^\r]*\r\n)?\r\n$/,
      'something stands behind the forwarding fields',
    )
    return head.slice(0, at) + rest
  },

  /** What concerns one connection only; the protocol of an upgrade, or of a 426, is kept, as the last line. */
  'Hop-by-hop fields'(head: string): string {
    const named = [...head.matchAll(/^Connection:(.*)\r\n/gim)].flatMap(([, value]) =>
      value!.split(',').map((option) => option.trim().toLowerCase()),
    )
    const keepsUpgrade = named.includes('upgrade') && !/^HTTP\/1\.1 (?!101|426)/.test(head)
    const upgrade = keepsUpgrade ? /^Upgrade:[ \t]*(.*?)[ \t]*\r\n/im.exec(head)?.[1] : undefined
    const kept = head
      .replaceAll(/^(Connection|Keep-Alive|Proxy-Connection|Upgrade):.*\r\n/gim, '')
      .replaceAll(/^TE:(?![ \t]*trailers[ \t]*\r\n).*\r\n/gim, '')
    return upgrade === undefined ? kept : `${kept.slice(0, -2)}Upgrade: ${upgrade}\r\n\r\n`
  },

  /** Each connection has a version of its own; the tunnel's is 1.1. */
  Versions(head: string): string {
    return head.replace(/^(.*)HTTP\/1\.0/, '$1HTTP/1.1')
  },
}

const PROTOCOL = new URL('../../../docs/protocol.md', import.meta.url)

/** The names of the entries in docs/protocol.md. */
export function listedDifferences(): string[] {
  const text = readFileSync(PROTOCOL, 'utf8')
  const section = text.slice(text.indexOf('\n## Differences from a direct connection\n'))
  return [...section.matchAll(/^- \*\*(.+?)\.\*\*/gm)].map((match) => match[1]!)
}
