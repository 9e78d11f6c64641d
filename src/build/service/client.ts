/**
 * in: questions to a build service. out: its answers, checked against their schema.
 * guarantees: what may pass (no connection, 429, 5xx) is asked again until the caller's signal or the patience ends it
 * (`builder-unreachable`, retryable); every other failure is a BuildError; an answer about another build is one; the token is in no error.
 */
import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import axios, { AxiosError, type AxiosResponse } from 'axios'
import { BuildError } from '../build-error.ts'
import type { RemoteJob } from './job.ts'
import { refusal } from './refusal.ts'
import { parseRemoteBuild, type RemoteBuild } from './remote-build.ts'
import { endingAfter, readEvents } from './server-sent-events.ts'

export type ServiceClient = {
  /** Sends a build; sent again it is the same one. */
  submit: (job: RemoteJob, signal: AbortSignal) => Promise<RemoteBuild>
  /** null: the service knows no such build */
  find: (id: string, signal: AbortSignal) => Promise<RemoteBuild | null>
  /** false: there is nothing to cancel (any more) */
  cancel: (id: string, signal: AbortSignal) => Promise<boolean>
  /** Gives the log as it grows, each piece once, until the build ends. */
  followLog: (id: string, write: (text: string) => void, signal: AbortSignal) => Promise<void>
  close: () => void
}

type Options = {
  url: string
  token: string
  /** how long it may not answer, milliseconds */
  patienceMs: number
  /** told once of each time in which the service does not answer, and of its end (null) */
  onSilence: (why: string | null) => void
}
type Question = { method: 'GET' | 'POST'; path: string; body?: unknown }
type Answer = { status: number; body: unknown }

const answerMs = 30_000
/** A service says something each 15 s, were it only a comment: a log that is silent for longer has lost its connection. */
const logSilenceMs = 60_000
const answerBytes = 4_000_000
const pauses = [250, 500, 1000, 2000, 3000]

export function serviceClient({ url, token, patienceMs, onSilence }: Options): ServiceClient {
  const agents = { httpAgent: new Agent({ keepAlive: true }), httpsAgent: new SecureAgent({ keepAlive: true }) }
  const http = axios.create({
    adapter: 'http',
    ...agents,
    baseURL: `${url}/builder/v1/builds`,
    headers: { authorization: `Bearer ${token}`, 'user-agent': 'drydock' },
    proxy: false,
    maxRedirects: 0,
    validateStatus: () => true,
  })

  async function ask({ method, path, body }: Question, signal: AbortSignal): Promise<Answer> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(answerMs)])
    const asked = { url: path, method, data: body, signal: limit, responseType: 'text' as const }
    const { status, data } = await http.request<string>({
      ...asked,
      maxContentLength: answerBytes,
      transformResponse: (text: string) => text,
    })
    return { status, body: parsed(data) }
  }

  /** questions that are being asked again: the status is asked beside the log, and the silence of both is told once */
  let unanswered = 0

  /** Asks until there is an answer that will not change by itself. */
  async function insist<T extends { status: number }>(once: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const since = performance.now()
    let [again, answered] = [false, false]
    try {
      for (let tries = 0; ; tries++) {
        signal.throwIfAborted()
        const said = await once().catch((error: unknown) => {
          signal.throwIfAborted()
          if (!(error instanceof AxiosError)) throw error
          return error.code === 'ERR_CANCELED'
            ? `no answer in ${answerMs / 1000} s`
            : error.message || String(error.code)
        })
        answered = typeof said !== 'string' && said.status < 500 && said.status !== 429
        if (answered && typeof said !== 'string') return said
        const why = typeof said === 'string' ? said : `it answered ${said.status}`
        if (performance.now() - since > patienceMs) throw unreachable(url, patienceMs, why)
        if (!again && unanswered++ === 0) onSilence(why)
        again = true
        await pause(pauses[Math.min(tries, pauses.length - 1)]!, signal)
      }
    } finally {
      if (again && --unanswered === 0 && answered) onSilence(null)
    }
  }
  const question = (asked: Question, signal: AbortSignal) => insist(() => ask(asked, signal), signal)

  return {
    async submit(job, signal) {
      const answer = await question({ method: 'POST', path: '', body: job }, signal)
      if (answer.status === 200 || answer.status === 201) return buildOf(url, answer.body, job)
      throw refusal(url, answer)
    },
    async find(id, signal) {
      const answer = await question({ method: 'GET', path: `/${id}` }, signal)
      if (answer.status === 200) return buildOf(url, answer.body, { id })
      if (codeOf(answer.body) === 'no-such-build') return null
      throw refusal(url, answer)
    },
    async cancel(id, signal) {
      const answer = await question({ method: 'POST', path: `/${id}/cancel` }, signal)
      if (answer.status === 202) return true
      if (/^(no-such-build|build-over)$/.test(codeOf(answer.body))) return false
      throw refusal(url, answer)
    },
    async followLog(id, write, signal) {
      let last: string | null = null
      /** events since that one, which have no id: they come again after a break */
      let unnamed = 0
      for (let over = false; !over; ) {
        const headers = { accept: 'text/event-stream', ...(last === null ? {} : { 'last-event-id': last }) }
        const open = () =>
          http.request<Readable>({ url: `/${id}/logs?follow=1`, headers, signal, responseType: 'stream' })
        const { status, data }: AxiosResponse<Readable> = await insist(open, signal)
        if (status !== 200) return void data.destroy()
        let again = unnamed
        const read = readEvents(endingAfter(data, logSilenceMs), (event) => {
          if (event.type === 'end') over = true
          if (event.type === 'end' || (event.id === null && event.data === '')) return
          if (event.id !== null) [last, unnamed, again] = [event.id, 0, 0]
          else if (again > 0) return void again--
          else unnamed++
          write(event.data)
        })
        // A connection that breaks is opened again, from where it was.
        await read.catch(() => undefined)
        if (!over) await pause(500, signal)
      }
    },
    close() {
      agents.httpAgent.destroy()
      agents.httpsAgent.destroy()
    },
  }
}

/** Ends early with the signal's own reason. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
  signal.throwIfAborted()
}

export function unreachable(url: string, patienceMs: number, why: string): BuildError {
  const message = `the build service at ${url} did not answer for ${patienceMs / 1000} s (${why})`
  return new BuildError('builder-unreachable', message, { retryable: true })
}

/** The build that was asked about, and no other. */
function buildOf(url: string, body: unknown, asked: { id: string; ref?: string }): RemoteBuild {
  const build = parseRemoteBuild(body)
  if (!build.success) {
    const where = build.error.issues.map(({ path }) => path.join('.') || 'the top').join(', ')
    throw new BuildError('builder-answer', `${url} answered what is no build of a build service (at ${where})`)
  }
  const { id, ref } = build.data
  if (id === asked.id && (asked.ref === undefined || ref === asked.ref)) return build.data
  throw new BuildError('builder-answer', `${url} was asked about the build ${asked.id} and answered with another`)
}

const codeOf = (body: unknown): string =>
  typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : ''

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
