/** A process of its own that starts the server of a folder, says `up`, and stays: `node start-embedded.ts FOLDER`. */
import { startEmbedded } from '../../src/db/embedded.ts'

await startEmbedded(process.argv[2]!, { durable: false })
console.log('up')
setInterval(() => {}, 60_000)
