/** An SMTP server that reads every mail to its end and keeps nothing: tells its port, and when asked how many came. */
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

let count = 0
const server = new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'],
  logger: false,
  onData(stream, _session, done) {
    stream.on('end', () => {
      count += 1
      done()
    })
    stream.resume()
  },
})
server.listen(0, '127.0.0.1', () => process.send?.((server.server.address() as AddressInfo).port))
process.on('message', () => process.send?.(count))
process.on('disconnect', () => process.exit(0))
