// node deploy/test-image.mjs: builds what deploy/Dockerfile builds, without Docker, and tries it.
// Each stage is a folder; RUN works in it, with this machine's node and npm instead of the base image's. Paths in RUN must
// therefore be relative. Everything else is read from the Dockerfile, so that this test can't drift from it.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const context = dirname(dirname(fileURLToPath(import.meta.url)))
const scratch = mkdtempSync(join(tmpdir(), 'tunnel-image-'))
let started
try {
  const image = build(readFileSync(join(context, 'deploy/Dockerfile'), 'utf8'))
  checkContents(image)
  await checkRun(image)
  console.log('the image is as it should be')
} finally {
  started?.kill('SIGKILL')
  rmSync(scratch, { recursive: true, force: true })
}

/** Returns the last stage. */
function build(dockerfile) {
  const stages = []
  for (const { instruction, rest } of instructions(dockerfile)) {
    console.log(`${instruction} ${rest.length > 100 ? `${rest.slice(0, 100)}…` : rest}`)
    const stage = stages.at(-1)
    switch (instruction) {
      case 'FROM': {
        const [, base, name] = /^(\S+)(?: AS (\S+))?$/i.exec(rest)
        assert.match(base, /^node:\d+(-\S+)?$/, 'another base than node would have other programs')
        const folder = join(scratch, `stage-${stages.length}`)
        mkdirSync(folder)
        stages.push({ name, folder, workdir: '/', env: {}, user: 'root', owners: {} })
        break
      }
      case 'WORKDIR':
        stage.workdir = posix.resolve(stage.workdir, rest)
        mkdirSync(inside(stage, '.'), { recursive: true })
        break
      case 'ENV': {
        const [, name, value] = /^(\w+)=(\S+)$/.exec(rest)
        const words = value.replaceAll(/\$(\w+)/g, (_, other) => stage.env[other] ?? process.env[other] ?? '')
        // What is absolute in the image is inside the stage's folder here.
        stage.env[name] = words
          .split(':')
          .map((word) => (word.startsWith('/app') ? inside(stage, word) : word))
          .join(':')
        break
      }
      case 'COPY':
        copy(stages, stage, rest)
        break
      case 'RUN': {
        assert.doesNotMatch(rest, /(^|[\s"'=])\/(?!dev\/)/, 'RUN must use relative paths')
        const { status } = spawnSync('/bin/sh', ['-ec', rest], {
          cwd: inside(stage, '.'),
          env: { ...environment(), ...stage.env },
          stdio: ['ignore', 'inherit', 'inherit'],
        })
        assert.equal(status, 0, `failed: RUN ${rest}`)
        break
      }
      case 'VOLUME':
        stage.volume = rest
        break
      case 'USER':
        stage.user = rest
        break
      case 'EXPOSE':
        stage.port = Number(rest)
        break
      case 'HEALTHCHECK': {
        const [, command] = /^(?:--\S+\s+)*CMD (\[.*\])$/.exec(rest)
        stage.healthcheck = JSON.parse(command)
        break
      }
      case 'ENTRYPOINT':
        stage.entrypoint = JSON.parse(rest)
        break
      default:
        throw new Error(`${instruction}: teach deploy/test-image.mjs what it does`)
    }
  }
  return stages.at(-1)
}

/** Lines without comments, those that end in a backslash joined with the next. */
function instructions(dockerfile) {
  const lines = dockerfile.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('#'))
  return lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => {
      const [, instruction, rest] = /^(\w+)\s+(.*)$/.exec(line)
      return { instruction: instruction.toUpperCase(), rest: rest.trim() }
    })
}

/** Where an image's path is on this machine. */
function inside(stage, path) {
  return join(stage.folder, posix.resolve(stage.workdir, path))
}

function copy(stages, stage, rest) {
  const [, from, owner, source, target] = /^(?:--from=(\S+)\s+)?(?:--chown=(\S+)\s+)?(\S+)\s+(\S+)$/.exec(rest)
  const to = inside(stage, target)
  stage.owners[posix.resolve(stage.workdir, target)] = owner ?? 'root:root'
  if (from === undefined) {
    assert.equal(source, '.', 'from the context everything is taken, as .dockerignore leaves it')
    const ignored = dockerignore()
    cpSync(context, to, {
      recursive: true,
      filter: (path) => path === context || !ignored(relative(context, path).split(sep).join('/')),
    })
    return
  }
  const other = stages.find(({ name }) => name === from)
  // verbatimSymlinks: the links between packages stay relative, as Docker keeps them.
  cpSync(inside(other, source), to, { recursive: true, verbatimSymlinks: true })
}

/** The rules of .dockerignore that ours uses: the last line that matches a path, or a folder above it, decides. */
function dockerignore() {
  const rules = readFileSync(join(context, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const pattern = line.replace(/^!/, '')
      assert.match(pattern, /^(\*|(\*\*\/)?[\w.-]+)$/, `.dockerignore: teach deploy/test-image.mjs what ${line} means`)
      const name = pattern
        .replace(/^\*\*\//, '')
        .replaceAll('.', '\\.')
        .replaceAll('*', '[^/]*')
      return {
        keep: line.startsWith('!'),
        test: new RegExp(`^${pattern.startsWith('**/') ? '(.*/)?' : ''}${name}(/|$)`),
      }
    })
  return (path) => rules.findLast(({ test }) => test.test(path))?.keep === false
}

function checkContents(image) {
  assert.notEqual(image.user, 'root')
  assert.equal(image.owners[image.volume], `${image.user}:${image.user}`, 'the server may write to its volume')
  const files = readdirSync(image.folder, { recursive: true, withFileTypes: true })
  for (const entry of files) {
    const path = join(entry.parentPath ?? entry.path, entry.name)
    const shown = relative(image.folder, path)
    if (entry.isSymbolicLink()) {
      assert.ok(existsSync(path), `${shown} leads nowhere`)
      assert.ok(realpathSync(path).startsWith(realpathSync(image.folder)), `${shown} leads out of the image`)
    }
    const foreign = shown.includes('node_modules')
    assert.ok(foreign || !/^\.|\.test\.|\.tsx?$/.test(entry.name), `${shown} does not belong in the image`)
  }
  for (const name of ['typescript', '@biomejs', 'fast-check', '@types']) {
    const folder = inside(image, `node_modules/${name}`)
    // npm 10 leaves an empty @types behind.
    assert.ok(!existsSync(folder) || readdirSync(folder).length === 0, `${name} is needed for building only`)
  }
  const bytes = files
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0)
  console.log(`${(bytes / 1024 ** 2).toFixed(1)} MiB on top of the base image`)
}

/** Starts the entrypoint as a container would, and asks what the health check asks. */
async function checkRun(image) {
  const env = {
    ...environment(),
    ...image.env,
    TUNNEL_DOMAIN: 'tunnel.test',
    TUNNEL_LISTEN_PORT: '0',
  }
  const [command, ...args] = image.entrypoint
  assert.equal(image.port, 8000)
  started = spawn(command, args, { cwd: inside(image, '.'), env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => started.once('close', (code) => resolve(code)))
  const port = await new Promise((resolve, reject) => {
    let output = ''
    started.once('error', reject)
    started.once('close', () => reject(new Error(`${command} ended:\n${output}`)))
    started.stdout.setEncoding('utf8').on('data', (text) => {
      output += text
      const match = /"port":(\d+)/.exec(output)
      if (match !== null) resolve(match[1])
    })
  })
  const health = () => {
    const [program, ...rest] = image.healthcheck
    return spawnSync(program, rest, { cwd: inside(image, '.'), env: { ...env, TUNNEL_LISTEN_PORT: port } }).status
  }
  const answer = await fetch(`http://127.0.0.1:${port}/api/health`)
  assert.deepEqual([answer.status, (await answer.json()).status], [200, 'ok'])
  assert.equal(health(), 0, 'the health check passes while the server runs')
  for (const name of ['claims.key', 'tunnel.db']) {
    assert.ok(existsSync(join(inside(image, image.volume), name)), 'what outlives a container is in its volume')
  }
  // As with docker exec.
  const beside = (...words) => spawnSync(command, words, { cwd: inside(image, '.'), env, encoding: 'utf8' })
  assert.equal(beside('account', 'add', 'me').status, 0)
  assert.match(beside('token', 'create', 'me').stdout, /^tun_\S+\n$/)
  started.kill('SIGTERM')
  assert.equal(await ended, 0, 'SIGTERM, as docker stop sends it, ends the server in order')
  assert.equal(health(), 1, 'the health check fails without a server')
}

/** Ours, without what npm or a test runner set for us. */
function environment() {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(?!config_(cache|registry|userconfig|prefer_offline))|NODE_(?!EXTRA_CA_CERTS)|TUNNEL_|INIT_CWD)/i.test(
        name,
      ),
  )
  return Object.fromEntries(kept)
}
