import { join } from 'node:path'
import { mustRun } from './command.js'
import { fromPypi, sourceFromPypi } from './registries.js'
import type { Suite } from './suite.js'
import { addressed, type Outcome, REASONS, type Vector, vectorSuite } from './vectors.js'

const VERSION = '27.0.1'

/** Its expectations are Python; it says as JSON what they are, but for those that hold only under options of gunicorn. */
const DUMP = `import base64, glob, json, os, sys
sys.path.insert(0, sys.argv[1])
from gunicorn.config import Config
from tests import treq
def bytes_of(data): return base64.b64encode(data).decode()
defaults = Config().settings
cases = []
for path in sorted(glob.glob(sys.argv[1] + '/tests/requests/*/*.http')):
    loaded = treq.load_py(path[:-5] + '.py')
    settings = loaded['cfg'].settings
    if any(settings[name].get() != defaults[name].get() for name in defaults if name != 'http_parser'): continue
    valid = os.path.basename(os.path.dirname(path)) == 'valid'
    expected = loaded['request'] if valid else []
    cases.append({
        'name': os.path.basename(os.path.dirname(path)) + '/' + os.path.basename(path)[:-5],
        'bytes': bytes_of(treq.request(path, []).data),
        'expected': [{
            'method': one['method'], 'target': one['uri']['raw'], 'headers': one['headers'], 'body': bytes_of(one['body']),
        } for one in (expected if isinstance(expected, list) else [expected])],
    })
json.dump(cases, sys.stdout)
`

/** The requests on which gunicorn tries its parser: valid ones with all that has to be read from them, and invalid ones. */
export const gunicorn: Suite = {
  name: 'gunicorn, tests/requests',
  version: VERSION,
  async obtain() {
    const source = await sourceFromPypi('gunicorn', VERSION)
    const bin = await fromPypi(`gunicorn-${VERSION}`, `gunicorn==${VERSION}`)
    const { stdout } = await mustRun(join(bin, 'python'), ['-c', DUMP, source])
    return vectorSuite((JSON.parse(stdout) as Case[]).map(vector))
  },
  known: [
    [/^valid\/(025|025_line|029|030|rfc9112_smuggle_(gzip|te_identity)_chunked_01)$/, REASONS.codings],
    [/^valid\/rfc9112_target_absolute_userinfo_01$/, REASONS.userinfo],
  ],
}

interface Case {
  name: string
  bytes: string
  expected: Array<{ method: string; target: string; headers: Array<[name: string, value: string]>; body: string }>
}

function vector({ name, bytes, expected }: Case): Vector {
  const given = Buffer.from(bytes, 'base64').toString('latin1')
  return {
    name,
    bytes: (authority) => Buffer.from(addressed(given, authority), 'latin1'),
    complaint: (outcome) => (name.startsWith('invalid/') ? leaked(outcome) : missing(outcome, expected)),
  }
}

/** What must not be there: a request that the app got whole. */
function leaked({ requests, statuses }: Outcome): string {
  if (requests.length === 0) return ''
  return `${requests.map(({ method, target }) => `${method} ${target}`).join(', ')} arrived; answered ${statuses.join(', ')}`
}

/** Fields that name the host or concern one connection. */
const elsewhere = new Set(['HOST', 'CONNECTION', 'KEEP-ALIVE', 'PROXY-CONNECTION', 'UPGRADE', 'TE'])

function missing({ requests, statuses }: Outcome, expected: Case['expected']): string {
  if (requests.length !== expected.length) return `${requests.length} requests arrived; answered ${statuses.join(', ')}`
  for (const [index, want] of expected.entries()) {
    const got = requests[index]!
    if (got.method !== want.method) return `method ${got.method}`
    if (pathOf(got.target) !== pathOf(want.target)) return `target ${got.target}`
    if (!got.body.equals(Buffer.from(want.body, 'base64'))) return `a body of ${got.body.length} bytes`
    const fields = new Set<string>()
    for (let at = 0; at < got.headers.length; at += 2)
      fields.add(`${got.headers[at]!.toUpperCase()}: ${got.headers[at + 1]}`)
    const lost = want.headers.find(([name, value]) => !elsewhere.has(name) && !fields.has(`${name}: ${value}`))
    if (lost !== undefined) return `without ${lost.join(': ')}`
  }
  return ''
}

/** An absolute target arrives as its path. */
function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?]*/i, '') || '/'
}
