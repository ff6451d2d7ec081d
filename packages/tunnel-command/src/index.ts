export { readConfigFile } from './config-file.js'
export { type CommandLogger, createLogger } from './logging.js'
export { addOptions, givenFlags, runProgram } from './program.js'
export { stopOnSignals } from './signals.js'
