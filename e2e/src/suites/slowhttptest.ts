import { echoApp } from './apps.js'
import { findProgram, mustRun } from './command.js'
import type { Score, Suite } from './suite.js'

const ATTACKS = {
  'slow heads (slowloris)': ['-H', '-x', '24', '-i', '3'],
  'slow bodies': ['-B', '-s', '8192', '-x', '24', '-i', '3'],
  'slow reading': ['-X', '-w', '512', '-y', '1024', '-n', '2', '-z', '32', '-k', '3'],
  'overlapping ranges': ['-R', '-a', '10', '-b', '3000'],
}
/** 1,000 connections for 12 seconds; the service counts as lost when a request of its own takes over 3 seconds. */
const EXTENT = ['-c', '1000', '-r', '500', '-l', '12', '-p', '3']

/** slowhttptest: does anybody still get an answer while a thousand connections do nothing but last? */
export const slowhttptest: Suite = {
  name: 'slowhttptest',
  version: '1.8.2',
  async obtain() {
    const program = findProgram('slowhttptest')
    if (program === undefined) return 'slowhttptest is not installed (apt-get install slowhttptest)'
    return {
      startApp: echoApp,
      async run({ port, folder }) {
        const score: Score = new Map()
        for (const [name, args] of Object.entries(ATTACKS)) {
          const { stdout } = await mustRun(program, [...args, ...EXTENT, '-u', `http://127.0.0.1:${port}/`], {
            cwd: folder,
          })
          // It tells every few seconds; once lost is lost.
          const told = [...stdout.matchAll(/service available:[^A-Z]*([A-Z]+)/g)].map(([, answer]) => answer)
          const passed = told.length > 0 && told.every((answer) => answer === 'YES')
          score.set(name, { passed, words: `service available: ${passed ? 'YES' : told.join(' ')}` })
        }
        return score
      },
    }
  },
}
