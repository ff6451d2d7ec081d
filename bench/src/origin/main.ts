// The app behind every target, in a process of its own.
import { createApp } from './app.js'

createApp().listen(Number(process.argv[2]), process.argv[3])
