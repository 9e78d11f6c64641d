import { makeBadge } from 'badge-maker'

/** What a badge says of a tag. absent: there is no such tag, or not for who asks: one and the same. */
export type BadgeState = 'current' | 'outdated' | 'unknown' | 'artifact' | 'absent'

const looks: Record<BadgeState, { message: string; color: string }> = {
  current: { message: 'current', color: '#4c1' },
  outdated: { message: 'outdated', color: '#e05d44' },
  unknown: { message: 'unknown', color: '#9f9f9f' },
  artifact: { message: 'no image', color: '#9f9f9f' },
  absent: { message: 'not found', color: '#9f9f9f' },
}

/** An SVG of 20 pixels' height, as shields.io draws them. */
export const badge = (state: BadgeState): string => makeBadge({ label: 'base image', ...looks[state] })
