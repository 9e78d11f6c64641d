import type { World } from '../contract/people-world.ts'

/**
 * Portus' tables as its db/schema.rb makes them (https://github.com/SUSE/Portus/blob/v2.4/db/schema.rb, version 20180612145708), with the
 * columns that are looked at and some that must not be.
 */
const kinds = {
  mysql: {
    ...{ id: 'int not null auto_increment primary key', flag: 'tinyint(1)', yes: '1', no: '0' },
    table: 'engine=InnoDB default charset=utf8 collate=utf8_general_ci',
  },
  postgres: { id: 'serial primary key', flag: 'boolean', yes: 'true', no: 'false', table: '' },
}
export type Kind = keyof typeof kinds

export function createTables(kind: Kind): string[] {
  const { id, flag, yes, no, table } = kinds[kind]
  return [
    `create table registries (id ${id}, name varchar(255) not null unique, hostname varchar(255) not null unique, use_ssl ${flag}, external_hostname varchar(255)) ${table}`,
    `create table teams (id ${id}, name varchar(255) unique, hidden ${flag} default ${no}, description text) ${table}`,
    `create table namespaces (id ${id}, name varchar(255), team_id int, registry_id int not null, global ${flag} default ${no}, description text, visibility int, unique (name, registry_id)) ${table}`,
    `create table users (id ${id}, username varchar(255) default '' not null unique, email varchar(255) default '' unique, encrypted_password varchar(255) default '' not null, admin ${flag} default ${no}, enabled ${flag} default ${yes}, namespace_id int, display_name varchar(255) unique, bot ${flag} default ${no}) ${table}`,
    `create table team_users (id ${id}, user_id int, team_id int, role int default 0) ${table}`,
  ]
}

export const tables = ['registries', 'teams', 'namespaces', 'users', 'team_users'] as const
const visibilities = ['private', 'protected', 'public']
const roles = ['viewer', 'contributor', 'owner']

/** Rows that hold a world, by table; nulls and numbers as they are, flags as booleans. Portus' own account is among them. */
export function rowsOf(world: World, hostname = 'reg.test', externalHostname: string | null = null) {
  const people = [
    { name: 'portus', email: 'portus@portus.com', displayName: null, enabled: true, bot: false, admin: true },
    ...world.users,
  ]
  const idOf = (name: string) => people.findIndex((person) => person.name === name) + 1
  const team = (name: string) => world.teams.findIndex((one) => one.name === name) + 1
  return {
    registries: [{ id: 1, name: 'registry', hostname, use_ssl: true, external_hostname: externalHostname }],
    teams: world.teams.map(({ name, hidden = false }) => ({ id: team(name), name, hidden })),
    namespaces: world.namespaces.map(({ name, team: of, visibility }, i) => ({
      ...{ id: i + 1, name: name === '_' ? 'portus_global_namespace_1' : name, team_id: team(of), registry_id: 1 },
      ...{ global: name === '_', visibility: visibilities.indexOf(visibility) },
    })),
    users: people.map(({ name, email, displayName, enabled, bot, admin }) => ({
      ...{ id: idOf(name), username: name, email, display_name: displayName, enabled, bot, admin },
      encrypted_password: 'never to be read',
    })),
    team_users: [
      ...world.teams.flatMap(({ name, members }) =>
        Object.entries(members).map(([member, role]) => ({
          ...{ user_id: idOf(member), team_id: team(name), role: roles.indexOf(role) },
        })),
      ),
      // Portus' own account is in every team that it makes, and whoever was deleted may leave a row
      ...world.teams.map(({ name }) => ({ user_id: 1, team_id: team(name), role: 2 })),
      ...(world.teams.length > 0 ? [{ user_id: 999_999, team_id: 1, role: 2 }] : []),
    ],
  }
}
