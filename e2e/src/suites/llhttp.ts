import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { sourceFromPypi } from './registries.js'
import { responseVectorSuite } from './response-vectors.js'
import type { Suite } from './suite.js'
import { addressed, REASONS, vectorSuite } from './vectors.js'

/** No package has llhttp's tests but the source package of aiohttp, which has them as a part of llhttp's sources. */
const AIOHTTP = '3.14.5'

/** The requests on which llhttp, the parser of Node, is tested: as many have to reach the app as llhttp has to find. */
export const llhttpRequests: Suite = {
  name: 'llhttp, test/request',
  version: `aiohttp ${AIOHTTP}`,
  async obtain() {
    const cases = await readCases('request')
    return vectorSuite(
      cases.map(({ name, bytes, log }) => {
        const whole = count(log, /message complete/g)
        return {
          name,
          bytes: (authority) => Buffer.from(addressed(bytes, authority), 'latin1'),
          complaint: ({ requests, statuses }) =>
            requests.length === whole ? '' : `${requests.length} of ${whole} arrived; answered ${statuses.join(', ')}`,
        }
      }),
    )
  },
  known: [
    [/chunked.* as last transfer-encoding/, REASONS.codings],
    [/basic auth/, REASONS.userinfo],
    [/M-SEARCH/, REASONS.asterisk],
    [/ICE|RTSP|No HTTP version/, REASONS.protocol],
  ],
}

/** The responses on which llhttp is tested: those that it has to take reach the visitor, those that it must not take do not. */
export const llhttpResponses: Suite = {
  name: 'llhttp, test/response',
  version: `aiohttp ${AIOHTTP}`,
  async obtain() {
    const cases = await readCases('response')
    return responseVectorSuite(
      cases.flatMap(({ name, bytes, log }) => {
        const status = Number(/headers complete status=(\d+)/.exec(log)?.[1] ?? 0)
        const refused = /error code=(?!2[12])/.test(log) && !log.includes('message complete')
        // An interim response is not an answer, and an answer must not be half of one.
        if (!refused && status < 200) return []
        return [{ name, bytes: Buffer.from(bytes, 'latin1'), status: refused ? undefined : status }]
      }),
    )
  },
  known: [
    [/transfer-encoding [234]:/, REASONS.codings],
    [/ICE|RTSP|HTTP version 0.9/, REASONS.protocol],
  ],
}

interface Case {
  name: string
  bytes: string
  /** What llhttp's callbacks have to say, a line each. */
  log: string
}

/** The cases for the parser as it is by default, without its lenient ways and without pauses. */
async function readCases(kind: 'request' | 'response'): Promise<Case[]> {
  const folder = join(await sourceFromPypi('aiohttp', AIOHTTP), 'vendor/llhttp/test', kind)
  return readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8')
    const found = text.matchAll(
      /^#+ (.*)\n(?:(?!^#+ |^```)[\s\S])*?<!-- meta=(\{.*\}) -->\s+```http\n([\s\S]*?)```\s+```log\n([\s\S]*?)```/gm,
    )
    return [...found].flatMap(([, title, meta, source, log], index) => {
      const { type, pause, skipBody } = JSON.parse(meta!) as { type: string; pause?: string; skipBody?: boolean }
      if (type !== kind || pause !== undefined || skipBody) return []
      return [{ name: `${file.replace('.md', '')} ${index + 1}: ${title}`, bytes: unescaped(source!), log: log! }]
    })
  })
}

/** As llhttp's own runner reads its examples. */
function unescaped(source: string): string {
  return source
    .replace(/\n$/, '')
    .replaceAll(/\\(\r\n|\r|\n)/g, '')
    .replaceAll(/\r\n|\r|\n/g, '\r\n')
    .replaceAll('\\r', '\r')
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t')
    .replaceAll('\\f', '\f')
    .replaceAll(/\\x([0-9a-fA-F]+)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/\\([0-7]{1,3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)))
    .replaceAll(/\$\{(.+?)\}/g, (_, code) => String(runInNewContext(code)))
}

function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length
}
