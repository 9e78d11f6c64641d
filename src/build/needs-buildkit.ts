import { DockerfileParser } from 'dockerfile-ast'
import { hasHeredocs } from './heredocs.ts'

/** True where a Dockerfile uses what the legacy builder does not know: mounts, links, heredocs, a frontend of its own. */
export const needsBuildKit = (text: string): boolean =>
  /^(\uFEFF?#\s*\w+\s*=.*\r?\n)*\uFEFF?#\s*syntax\s*=/i.test(text) ||
  hasHeredocs(text, DockerfileParser.parse(text).getEscapeCharacter()) ||
  /^[^\S\r\n]*RUN\s+(--\w+=\S+\s+)*--(mount|network|security)=/im.test(text) ||
  /^[^\S\r\n]*(COPY|ADD)\s+(--\w+(=\S+)?\s+)*--(link|parents|exclude|chmod|checksum)\b/im.test(text)
