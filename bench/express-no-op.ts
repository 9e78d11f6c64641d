import express from 'express'

/** The rival: an Express route that parses the JSON and answers 202, and does nothing else. Prints its port. */
const app = express()
app.use(express.json({ type: () => true }))
app.post('/v2/webhooks/events', (_request, response) => {
  response.status(202).end()
})
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address && typeof address === 'object') console.log(address.port)
})
