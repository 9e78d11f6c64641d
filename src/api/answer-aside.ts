import type { ServerResponse } from 'node:http'
import { ApiError, problemOf } from './problem.ts'

/** To every call of a process that stands aside (stand-aside.ts), but for its health and metrics. */
export function answerAside(response: ServerResponse): void {
  const detail = 'Drydock was started with other registries since; this process is to be started anew with the same'
  const problem = problemOf(new ApiError('other-registries', detail))
  response.writeHead(problem.status, { 'content-type': 'application/problem+json', 'retry-after': '10' })
  response.end(JSON.stringify(problem))
}
