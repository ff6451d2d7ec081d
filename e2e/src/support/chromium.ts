import { existsSync } from 'node:fs'
import { type Browser, chromium as playwright } from 'playwright-core'

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const executable = process.env.CHROMIUM_PATH ?? paths.find((path) => existsSync(path))

/** For a test's `skip`: why it can't run, or false. In CI a missing browser is a failure, not a skip. */
export const skipChromium =
  executable === undefined && process.env.CI !== 'true' ? 'no chromium here (apt-get install chromium)' : false

export function chromium(): Promise<Browser> {
  if (executable === undefined) throw new Error('no chromium on this machine')
  return playwright.launch({
    executablePath: executable,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
