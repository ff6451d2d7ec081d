import { setFlagsFromString } from 'node:v8'

/*
 * Imported first by the commands, before anything else is loaded: keeps what bulk transfers leave behind small.
 *
 * Every socket read is a buffer of 64 KiB outside the JavaScript heap, freed when the young generation is collected. V8 lets that generation
 * grow to 16 MiB and more, by which time some 90 MiB of dead buffers lie about. Held at its first size it is collected often, at
 * little cost, since almost nothing in it is alive.
 *
 * The same buffers count against the limit of the old generation, which V8 sets to little more than what is alive: some 11 MiB here. Then the whole
 * heap is collected each time that 8 MiB have been read. With three times as much as is alive that ends.
 *
 * See docs/decisions/008.
 */
setFlagsFromString('--semi-space-growth-factor=1')
setFlagsFromString('--heap-growing-percent=200')
