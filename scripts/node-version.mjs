// Imported first by every script that people run. Only syntax and imports that older releases know, here and in what the
// scripts import, so that an old Node gets as far as this sentence.
const required = [20, 19]
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < required[0] || (major === required[0] && minor < required[1])) {
  console.error(`This needs Node ${required.join('.')} or newer; this is ${process.version}. See https://nodejs.org/`)
  process.exit(1)
}
