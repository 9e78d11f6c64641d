import { readUses } from './dockerfile.ts'
import { checkDockerfile, sourcesOfTrigger } from './dockerfile-check/check-dockerfile.ts'
import { needsBuildKit } from './needs-buildkit.ts'
import { declaredByRecipe, pinnedLines, type Subject } from './observe-recipe.ts'

/** All that is found out from somebody's Dockerfile, by name. Arguments and results can be cloned from thread to thread. */
export const dockerfileReaders = {
  readUses,
  needsBuildKit,
  pinnedLines,
  declaredArgs,
  checkDockerfile,
  /** What the ONBUILD triggers of bases name. Error: `onbuild-refused`. */
  sourcesOfTriggers: (triggers: readonly string[]) => [...new Set(triggers.flatMap(sourcesOfTrigger))],
  /** The declarations for each platform of what stands under a tag. */
  declaredByRecipe: (ref: string, subjects: readonly Subject[], ...dockerfile: DockerfileOf) =>
    subjects.flatMap((subject) => declaredByRecipe(ref, subject, ...dockerfile)),
}

export type DockerfileReaders = typeof dockerfileReaders

type DockerfileOf = [text: string, args: Readonly<Record<string, string>>, target: string | null]

/** Of these arguments those that a Dockerfile declares: the legacy builder complains of others. */
function declaredArgs(args: Readonly<Record<string, string>>, dockerfile: string): Record<string, string> {
  const declared = (name: string) => new RegExp(`^[^\\S\\r\\n]*ARG\\s(.*\\s)?${name}(\\s|=|$)`, 'im')
  return Object.fromEntries(Object.entries(args).filter(([name]) => declared(name).test(dockerfile)))
}
