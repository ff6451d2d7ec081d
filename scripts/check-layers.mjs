// Who may import whom (docs/architecture.md), and no circles between modules. Part of `npm run lint`.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Packages of ours that a package may import. */
const packages = {
  'tunnel-protocol': [],
  'tunnel-command': ['tunnel-protocol'],
  'tunnel-server': ['tunnel-protocol', 'tunnel-command'],
  'tunnel-client': ['tunnel-protocol', 'tunnel-command'],
}

/** Folders inside a package that a folder may not import; `.` is the package's top folder, which knows all parts. */
const forbidden = {
  'tunnel-protocol': {
    frame: ['session', 'link', 'control', 'http', '.'],
    session: ['control', 'http'],
    http: ['session', 'link', 'control', 'frame'],
    control: ['session', 'link', 'http', 'frame'],
    rules: ['session', 'link', 'control', 'http', 'frame'],
  },
  'tunnel-server': {
    edge: ['control', 'api', 'accounts', 'store', 'workers'],
    control: ['edge', 'api', 'store', 'workers'],
    api: ['edge', 'control', 'store', 'workers'],
    registry: ['edge', 'control', 'api', 'accounts', 'store', 'workers'],
    accounts: ['edge', 'control', 'api', 'registry', 'workers'],
    store: ['edge', 'control', 'api', 'accounts', 'workers'],
  },
  'tunnel-client': {
    origin: ['agent', 'cli', 'outbound', 'servers'],
    outbound: ['agent', 'cli', 'servers'],
    agent: ['cli', 'servers'],
    servers: ['cli'],
    tls: ['agent', 'cli', 'origin', 'outbound', 'servers'],
  },
}
/** Files of a package's top folder that everything in it may import. */
const common = new Set(['byte-queue.ts', 'constants.ts', 'errors.ts', 'gather.ts', 'logger.ts', 'options.ts'])

const problems = []
for (const [name, allowed] of Object.entries(packages)) checkPackage(name, allowed)
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)

function checkPackage(name, allowed) {
  const source = join(root, 'packages', name, 'src')
  const files = readdirSync(source, { recursive: true }).filter((file) => file.endsWith('.ts'))
  const graph = new Map()
  for (const file of files) {
    const imports = importsOf(join(source, file))
    const local = []
    for (const target of imports) {
      if (target.startsWith('.'))
        local.push(relative(source, resolve(source, dirname(file), target.replace(/\.js$/, '.ts'))))
      else checkExternal(name, file, target, allowed)
    }
    graph.set(file, local)
    if (!file.endsWith('.test.ts')) for (const target of local) checkFolder(name, file, target)
  }
  findCircle(name, graph)
}

function importsOf(path) {
  const text = readFileSync(path, 'utf8')
  return [...text.matchAll(/^(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'"]+)['"]/gm)].map((match) => match[1])
}

function checkExternal(name, file, target, allowed) {
  const ours = target.split('/')[0]
  if (ours.startsWith('tunnel-') && !allowed.includes(ours)) problems.push(`${name}/${file} must not import ${target}`)
}

function checkFolder(name, file, target) {
  const from = file.includes('/') ? file.split('/')[0] : '.'
  const to = target.includes('/') ? target.split('/')[0] : '.'
  if (to === '.' && common.has(target)) return
  if (forbidden[name]?.[from]?.includes(to)) problems.push(`${name}/${file} must not import ${target}`)
  if (from === 'session' && target === 'link/websocket.ts')
    problems.push(`${name}/${file} must not know which kind of link it is on`)
}

function findCircle(name, graph) {
  const done = new Set()
  const visit = (file, path) => {
    if (path.includes(file)) {
      problems.push(`${name}: circle ${[...path.slice(path.indexOf(file)), file].join(' → ')}`)
      return
    }
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
}
