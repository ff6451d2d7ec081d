import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support/world.js'
import { findProgram, mustRun } from './command.js'

/** Suites are kept here, one folder for each version, so that they are fetched once. */
const CACHE = join(root, 'node_modules/.cache/suites')

/** A folder that `fill` fills once. A mark says that it got to its end. Returns the folder. */
async function cached(name: string, fill: (dir: string) => Promise<unknown>): Promise<string> {
  const dir = join(CACHE, name)
  const mark = join(dir, '.complete')
  if (existsSync(mark)) return dir
  console.log(`Fetching ${name}…`)
  mkdirSync(dir, { recursive: true })
  await fill(dir)
  writeFileSync(mark, '')
  return dir
}

/** Packages from npm, as a package.json names them, without their install scripts. Returns their `node_modules`. */
export async function fromNpm(name: string, manifest: object): Promise<string> {
  const dir = await cached(name, async (dir) => {
    // A package of its own, or npm would take the folder for a part of this workspace.
    writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, ...manifest }))
    await mustRun('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: dir })
  })
  return join(dir, 'node_modules')
}

/** Packages from PyPI in a virtual environment. Returns its `bin`. */
export async function fromPypi(name: string, ...packages: string[]): Promise<string> {
  const dir = await cached(name, async (dir) => {
    await mustRun('python3', ['-m', 'venv', dir])
    await mustRun(join(dir, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', '--upgrade', ...packages])
  })
  return join(dir, 'bin')
}

/** The source package of a release on PyPI, which has the tests that the installed package lacks. Returns its folder. */
export async function sourceFromPypi(name: string, version: string): Promise<string> {
  const release = `${name}-${version}`
  const dir = await cached(`${release}-source`, async (dir) => {
    // An environment of its own, because pip asks the package what it is, and an old pip or setuptools can't.
    const bin = await fromPypi('pip', 'pip', 'setuptools')
    const download = ['download', '--quiet', '--no-deps', '--no-binary', name]
    await mustRun(join(bin, 'pip'), [...download, '--dest', dir, `${name}==${version}`])
    await mustRun('tar', ['xzf', join(dir, `${release}.tar.gz`), '-C', dir])
  })
  return join(dir, release)
}

/** Packages from PyPI that need Python 2. Returns the interpreter and the folder with the packages; undefined without Python 2. */
export async function fromPypiForPython2(
  name: string,
  ...packages: string[]
): Promise<{ python: string; packages: string } | undefined> {
  const python = await findPython2()
  if (python === undefined) return undefined
  const dir = await cached(name, (dir) =>
    mustRun(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', dir, ...packages]),
  )
  return { python, packages: dir }
}

/** `python2` may be there and yet only say that it is not. */
async function findPython2(): Promise<string | undefined> {
  for (const python of [process.env.PYTHON2, findProgram('python2.7'), findProgram('python2')]) {
    if (python === undefined) continue
    const works = await mustRun(python, ['-c', 'import sys; assert sys.version_info[0] == 2']).catch(() => undefined)
    if (works !== undefined) return python
  }
  return undefined
}

/** The source of a crate, tests and all. Returns its folder; undefined without cargo. */
export async function sourceFromCrates(name: string, version: string): Promise<string | undefined> {
  if (findProgram('cargo') === undefined) return undefined
  const dir = await cached(`${name}-${version}`, async (dir) => {
    const target = 'name = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[lib]\npath = "lib.rs"'
    writeFileSync(join(dir, 'lib.rs'), '')
    writeFileSync(
      join(dir, 'Cargo.toml'),
      `[package]\n${target}\n[dependencies]\n${name} = "=${version}"\n[workspace]\n`,
    )
    await mustRun('cargo', ['vendor', '--quiet'], { cwd: dir })
  })
  return join(dir, 'vendor', name)
}

/** A program that is a crate, compiled: that takes minutes. Returns its path; undefined without cargo. */
export async function programFromCrates(name: string, version: string): Promise<string | undefined> {
  if (findProgram('cargo') === undefined) return undefined
  const dir = await cached(`${name}-${version}-program`, (dir) =>
    mustRun('cargo', ['install', '--quiet', '--locked', '--root', dir, '--version', version, name]),
  )
  return join(dir, 'bin', name)
}
