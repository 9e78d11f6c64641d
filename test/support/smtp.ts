import type { AddressInfo } from 'node:net'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer, type SMTPServerSession } from 'smtp-server'

/** A mail as it arrived: its envelope, its bytes, and these parsed. */
export type ReceivedMail = { from: string; to: string[]; raw: string; mail: Email }

export type SmtpServer = {
  /** for SMTP_URL */
  url: string
  /** every mail whose bytes came in whole, in order */
  received: ReceivedMail[]
  /** answer this recipient with this status, or this line: "554 5.7.1 no" */
  refuse: Map<string, number | string>
  /** answer every mail, once it was read, with this status and these words; null: take it */
  refuseData: { answer: { status: number; words: string } | null }
  /** the next mails are read to the end, and the connection is cut before an answer: it may have been taken, or not */
  cutAfterData: { times: number }
  /** the next connections are cut in the middle of a mail */
  cutInData: { times: number }
  /** the next mails are read to the end and never answered; `received` has them by then */
  silentAfterData: { times: number }
  close: () => Promise<void>
}

/** A real SMTP server on a free loopback port, without TLS; with `auth` it wants that login. */
export async function smtpServer(auth?: { user: string; pass: string }): Promise<SmtpServer> {
  const received: ReceivedMail[] = []
  const refuse: SmtpServer['refuse'] = new Map()
  const refuseData: SmtpServer['refuseData'] = { answer: null }
  const cutAfterData = { times: 0 }
  const cutInData = { times: 0 }
  const silentAfterData = { times: 0 }
  const server = new SMTPServer({
    disabledCommands: auth ? ['STARTTLS'] : ['AUTH', 'STARTTLS'],
    allowInsecureAuth: true,
    logger: false,
    onAuth({ username, password }, _session, done) {
      if (username === auth?.user && password === auth?.pass) return done(null, { user: username })
      done(Object.assign(new Error('wrong login'), { responseCode: 535 }))
    },
    onRcptTo({ address }, _session, done) {
      const answer = refuse.get(address)
      if (answer === undefined) return done(null)
      const [status, ...words] = typeof answer === 'number' ? [answer, 'not for', address] : answer.split(' ')
      done(Object.assign(new Error(words.join(' ')), { responseCode: Number(status) }))
    },
    onData(stream, session, done) {
      const cut = (counter: { times: number }): boolean => {
        if (counter.times === 0) return false
        counter.times -= 1
        hangUp(server, session)
        return true
      }
      if (cut(cutInData)) {
        stream.resume()
        return
      }
      read(stream, session).then((mail) => {
        if (refuseData.answer !== null) {
          const { status, words } = refuseData.answer
          return done(Object.assign(new Error(words), { responseCode: status }))
        }
        received.push(mail)
        if (silentAfterData.times > 0) silentAfterData.times -= 1
        else if (!cut(cutAfterData)) done()
      }, done)
    },
  })
  // A connection we cut ourselves is reported as an error of the server.
  server.on('error', () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve())
  })
  const { port } = server.server.address() as AddressInfo
  const login = auth ? `${encodeURIComponent(auth.user)}:${encodeURIComponent(auth.pass)}@` : ''
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return {
    url: `smtp://${login}127.0.0.1:${port}`,
    received,
    refuse,
    refuseData,
    cutAfterData,
    cutInData,
    silentAfterData,
    close,
  }
}

async function read(stream: AsyncIterable<Buffer>, session: SMTPServerSession): Promise<ReceivedMail> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  const raw = Buffer.concat(chunks).toString()
  const { mailFrom, rcptTo } = session.envelope
  return {
    from: mailFrom === false ? '' : mailFrom.address,
    to: rcptTo.map(({ address }) => address),
    raw,
    mail: await PostalMime.parse(raw),
  }
}

/** The server has no call to cut one connection, but holds them all. */
function hangUp(server: SMTPServer, session: SMTPServerSession): void {
  const { connections } = server as unknown as {
    connections: Set<{ session: SMTPServerSession; _socket: { destroy: () => void } }>
  }
  for (const connection of connections) if (connection.session.id === session.id) connection._socket.destroy()
}
