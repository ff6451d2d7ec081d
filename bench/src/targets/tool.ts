import { join } from 'node:path'
import { isExecutable } from '../process/programs.js'

/** Binaries of other people's tunnels: all in one folder, which is not in this repository. */
const FOLDER = 'BENCH_TOOLS'

/** Where the binary of that name is expected. */
export function tool(name: string): string {
  return join(process.env[FOLDER] ?? '', name)
}

/** Why a target can't run that needs these binaries; undefined when it can. */
export async function missingTools(...names: string[]): Promise<string | undefined> {
  const folder = process.env[FOLDER] ?? ''
  if (folder === '') return `${FOLDER} does not name a folder with ${names.join(' and ')}`
  const missing = names.filter((name) => !isExecutable(join(folder, name)))
  return missing.length === 0 ? undefined : `no ${missing.join(' and no ')} in ${FOLDER}`
}
