import './node-version.mjs'
import { chmodSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageDirs, root } from './project.mjs'

// npm does this when it installs a package, but not for a workspace whose bin came later.
for (const dir of packageDirs('packages')) {
  const bin = join(root, dir, 'bin')
  if (!existsSync(bin)) continue
  for (const name of readdirSync(bin)) {
    if (name.endsWith('.js')) chmodSync(join(bin, name), 0o755)
  }
}
