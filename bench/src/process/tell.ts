import type { Child } from './child.js'
import { untilTrue } from './ports.js'

/** What a command says on SIGUSR2, behind `word`, when a module that answers so was loaded into it (node --import). */
export async function tell(child: Child, word: string): Promise<string> {
  const told = () => [...child.stdout.matchAll(new RegExp(`^${word} (.*)$`, 'gm'))].map(([, said = '']) => said)
  const before = told().length
  child.signal('SIGUSR2')
  await untilTrue(child, `tell of its ${word}`, async () => told().length > before)
  return told().at(-1)!
}
