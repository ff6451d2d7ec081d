import { readConfigFile } from 'tunnel-command'
import { type GivenFlags, type OptionsOf, parseRules, type Rules, resolveOptions } from 'tunnel-protocol'
import { clientOptions } from '../options.js'

export interface Settings {
  options: OptionsOf<typeof clientOptions>
  /** Those that the file of --config holds under `rules`. */
  rules: Rules | undefined
}

/** Flags, environment, and the file that either of them names. Throws TUN_ERR_OPTION or TUN_ERR_RULES. */
export async function readSettings(flags: GivenFlags, env: NodeJS.ProcessEnv = process.env): Promise<Settings> {
  const { config } = resolveOptions({ config: clientOptions.config }, flags, env)
  if (config === undefined) return { options: resolveOptions(clientOptions, flags, env), rules: undefined }
  const { path, values } = await readConfigFile(config)
  const { rules, ...settings } = values
  return {
    options: resolveOptions(clientOptions, flags, env, { path, values: settings }),
    rules: rules === undefined || rules === null ? undefined : parseRules(rules, `${path}: rules`),
  }
}
