/**
 * In: what a Portus asks the scanner it takes for Clair (v1): each layer of an image, bottom to top, then what is wrong with the top one.
 * Out: the bases that have moved under the tags of that image, as vulnerabilities with a link; and, with a real Clair behind, its findings.
 * Guarantees: always JSON, within 50 ms even where the database hangs (then an error, which Portus takes for nothing, and it is asked to
 * look again), and without a real Clair's findings where these alone are late; from what is stored: nobody but a real Clair is asked, and never before the answer. Who asks shows no account (Portus can
 * show none): they are told what a viewer of the image's namespace is.
 */
import express, { type ErrorRequestHandler, type Response, type Router } from 'express'
import type { Deps } from '../deps.ts'
import { answer } from '../scanner/answer.ts'
import { makeClair } from '../scanner/clair.ts'
import { keepLayer } from '../scanner/keep-layer.ts'
import { forgetAnswers, noteAnswered, noteUnanswered } from '../scanner/note-answers.ts'
import { PostedLayer, toldLayer } from '../scanner/posted-layer.ts'
import { makeFindingsReader } from '../scanner/read-findings.ts'
import { makeVisits, UnansweredError } from '../scanner/visits.ts'
import { illFormedAt } from './well-formed.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log'>

/** Milliseconds for the database: the answer is to be there within 50. */
const usualPatience = 35

export function scannerRouter(d: Needs, { patience = usualPatience }: { patience?: number } = {}): Router {
  const visits = makeVisits(d, { patience, overflowed: () => forgetAnswers(d) })
  const clair = d.config.clairUrl === null ? null : makeClair(d, d.config.clairUrl, visits)
  const findings = makeFindingsReader(d)
  const router = express.Router()
  router.get('/health', (_request, response) => void json(response, 200, { status: 'ok' }))
  const layers = router.route('/v1/layers')
  layers.post(express.json({ limit: '256kb', type: () => true }), async (request, response) => {
    const posted = PostedLayer.safeParse(request.body)
    if (!posted.success || illFormedAt(posted.data) !== null) return failure(response, 400, 'that is no layer')
    clair?.post(posted.data)
    const told = toldLayer(d, posted.data, d.clock())
    if (told !== null) await visits.write(() => keepLayer(d, told))
    json(response, 201, { Layer: { ...posted.data.Layer, Headers: undefined, IndexedByVersion: version } })
  })
  layers.all((_request, response) => failure(response, 405, 'only POST here'))
  const layer = router.route('/v1/layers/:name')
  layer.get(async (request, response) => {
    const { name } = request.params
    if (illFormedAt(name) !== null) return failure(response, 400, 'that is no name of a layer')
    const missed = () => {
      void visits.write(() => noteUnanswered(d, name))
      clair?.asked(name, null)
    }
    const found = findings(name, patience)
    try {
      const { features, shown } = await visits.ask(() => answer(d, name))
      const theirs = await found
      response.once('close', () => {
        if (!response.writableFinished) return missed()
        void visits.write(async () => noteAnswered(d, name, await shown))
        clair?.asked(name, theirs?.hash ?? null)
      })
      const all = [JSON.stringify(features), theirs?.features ?? '[]'].map((part) => part.slice(1, -1)).filter(Boolean)
      sent(
        response,
        200,
        `{"Layer":{"Name":${JSON.stringify(name)},"IndexedByVersion":${version},"Features":[${all}]}}`,
      )
    } catch (error) {
      missed()
      throw error
    }
  })
  layer.all((_request, response) => failure(response, 405, 'only GET here'))
  router.use(['/v1/layers'], onError(d))
  return router
}

/** Of Clair v1's database of findings; Portus does not look at it. */
const version = 3

/** Not by Express, which makes a hash of what may be megabytes. */
const sent = (response: Response, status: number, text: string): void => {
  const body = Buffer.from(text)
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length })
    .end(body)
}
const json = (response: Response, status: number, body: object): void => sent(response, status, JSON.stringify(body))
/** As Clair says it. */
const failure = (response: Response, status: number, message: string): void =>
  json(response, status, { Error: { Message: message } })

const onError =
  (d: Needs): ErrorRequestHandler =>
  (error: unknown, _request, response, _next) => {
    const status = statusOf(error)
    if (status >= 500) d.log.warn({ err: error }, 'a question to the scanner could not be answered')
    failure(response, status, status < 500 ? 'that could not be read' : 'not now')
  }

/** What Express says of a path or a body it cannot read; all else is ours. */
function statusOf(error: unknown): number {
  if (error instanceof URIError) return 400
  if (error instanceof UnansweredError || typeof error !== 'object' || error === null) return 503
  const status = 'status' in error && 'expose' in error && error.expose === true ? Number(error.status) : 503
  return status >= 400 && status < 500 ? status : 503
}
