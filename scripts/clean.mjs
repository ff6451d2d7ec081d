import './node-version.mjs'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { root, workspaceDirs } from './project.mjs'

for (const dir of workspaceDirs()) rmSync(join(root, dir, 'dist'), { recursive: true, force: true })
