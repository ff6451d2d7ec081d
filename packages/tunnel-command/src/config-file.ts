import { readFileSync } from 'node:fs'
import { type FileSettings, TunnelError } from 'tunnel-protocol'

/**
 * The settings of a YAML file, or of a JSON file, which is YAML as well: a mapping from the names of flags to values.
 * Throws TUN_ERR_OPTION saying what is wrong with the file, and where; never what it holds.
 */
export async function readConfigFile(path: string): Promise<FileSettings> {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    throw new TunnelError('TUN_ERR_OPTION', `--config: cannot read ${path} (${(error as NodeJS.ErrnoException).code})`)
  }
  const { parseDocument } = await import('yaml')
  const document = parseDocument(content, { prettyErrors: false })
  const [error] = document.errors
  if (error !== undefined) {
    const line = content.slice(0, error.pos[0]).split('\n').length
    throw new TunnelError('TUN_ERR_OPTION', `--config: ${path} is not YAML (line ${line}: ${error.code})`)
  }
  let values: unknown
  try {
    values = document.toJS({ maxAliasCount: 0 })
  } catch {
    throw new TunnelError('TUN_ERR_OPTION', `--config: ${path} uses aliases (&x, *x), which are not taken here`)
  }
  if (values === null) return { path, values: {} } // nothing but comments
  if (typeof values !== 'object' || Array.isArray(values)) {
    throw new TunnelError('TUN_ERR_OPTION', `--config: expected lines such as "drain: 30s" in ${path}`)
  }
  return { path, values: values as Record<string, unknown> }
}
