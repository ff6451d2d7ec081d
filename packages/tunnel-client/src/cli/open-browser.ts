import { spawn } from 'node:child_process'

/** Open `url` with whatever the system opens URLs with. Failing is not worth more than a word: the URL is on the screen. */
export function openBrowser(url: string, onFailure: (reason: string) => void): void {
  const commands: Partial<Record<NodeJS.Platform, [string, ...string[]]>> = {
    darwin: ['open'],
    win32: ['rundll32', 'url.dll,FileProtocolHandler'],
  }
  const [command, ...args] = commands[process.platform] ?? ['xdg-open']
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true })
  child.once('error', (error) => onFailure(error.message))
  child.unref()
}
