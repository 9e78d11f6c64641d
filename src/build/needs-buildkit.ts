import { DockerfileParser, type Instruction, ModifiableInstruction, Onbuild } from 'dockerfile-ast'
import { namesGit } from './dockerfile-check/names-git.ts'
import { hasHeredocs } from './heredocs.ts'

/** True where a Dockerfile uses what the legacy builder does not know: mounts, links, heredocs, git in ADD, a frontend of its own. */
export function needsBuildKit(text: string): boolean {
  if (/^(\uFEFF?#\s*\w+\s*=.*\r?\n)*\uFEFF?#\s*syntax\s*=/i.test(text)) return true
  const file = DockerfileParser.parse(text)
  // Without heredocs each instruction is one to the parser too.
  return hasHeredocs(text, file.getEscapeCharacter()) || file.getInstructions().some(isNew)
}

const newFlags: Record<string, readonly string[]> = {
  ADD: ['link', 'chmod', 'checksum', 'exclude', 'keep-git-dir', 'unpack'],
  COPY: ['link', 'chmod', 'exclude', 'parents'],
  RUN: ['mount', 'network', 'security', 'device'],
}

function isNew(instruction: Instruction): boolean {
  const own = instruction instanceof Onbuild ? instruction.getTriggerInstruction() : instruction
  if (!(own instanceof ModifiableInstruction)) return false
  const keyword = own.getKeyword().toUpperCase()
  const flags = own.getFlags()
  return (
    flags.some((flag) => newFlags[keyword]?.includes(flag.getName())) ||
    (keyword === 'COPY' && flags.some((flag) => flag.getName() === 'from' && flag.getValue() === 'scratch')) ||
    (keyword === 'ADD' && namesGit(own.getArgumentsContent() ?? ''))
  )
}
