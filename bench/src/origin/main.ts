// The app behind every target, in a process of its own.
import { createApp } from './app.js'

createApp().listen(Number(process.argv[2]), '127.0.0.1')
