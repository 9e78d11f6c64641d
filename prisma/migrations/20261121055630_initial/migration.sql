-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "event_outcome" AS ENUM ('pending', 'handled', 'ignored', 'failed');

-- CreateEnum
CREATE TYPE "manifest_kind" AS ENUM ('image', 'index', 'artifact', 'absent');

-- CreateEnum
CREATE TYPE "evidence_kind" AS ENUM ('build', 'provenance', 'annotation', 'label', 'recipe', 'layers');

-- CreateEnum
CREATE TYPE "base_role" AS ENUM ('runtime', 'build', 'unknown');

-- CreateEnum
CREATE TYPE "tag_fact_kind" AS ENUM ('push', 'delete');

-- CreateEnum
CREATE TYPE "tag_status" AS ENUM ('current', 'outdated', 'unknown', 'artifact');

-- CreateEnum
CREATE TYPE "dirty_kind" AS ENUM ('tag', 'manifest');

-- CreateEnum
CREATE TYPE "confidence" AS ENUM ('declared', 'inferred', 'ambiguous');

-- CreateEnum
CREATE TYPE "visibility" AS ENUM ('private', 'protected', 'public');

-- CreateEnum
CREATE TYPE "member_role" AS ENUM ('viewer', 'contributor', 'owner');

-- CreateEnum
CREATE TYPE "credential_kind" AS ENUM ('git', 'registry', 'ssh');

-- CreateEnum
CREATE TYPE "count_on" AS ENUM ('runtime', 'all');

-- CreateEnum
CREATE TYPE "build_state" AS ENUM ('queued', 'running', 'succeeded', 'failed', 'cancelled');

-- CreateEnum
CREATE TYPE "mail_state" AS ENUM ('pending', 'sent', 'failed', 'kept');

-- CreateTable
CREATE TABLE "registry" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "reconciled_at" TIMESTAMPTZ(3),
    "reconcile_error" TEXT,

    CONSTRAINT "registry_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "repository" (
    "id" SERIAL NOT NULL,
    "registry_id" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "namespace" TEXT NOT NULL,

    CONSTRAINT "repository_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "event" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "registry_id" INTEGER NOT NULL,
    "event_id" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "repository" TEXT NOT NULL,
    "tag" TEXT,
    "digest" TEXT,
    "media_type" TEXT,
    "at" BIGINT NOT NULL,
    "actor" TEXT,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "outcome" "event_outcome" NOT NULL DEFAULT 'pending',
    "reason" TEXT,
    "error" JSONB,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_try_at" TIMESTAMPTZ(3),
    "handled_at" TIMESTAMPTZ(3),

    CONSTRAINT "event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "manifest" (
    "digest" TEXT NOT NULL,
    "media_type" TEXT NOT NULL,
    "kind" "manifest_kind" NOT NULL,
    "artifact_type" TEXT,
    "platform" TEXT,
    "config_digest" TEXT,
    "created_at" BIGINT,
    "layer_count" INTEGER NOT NULL DEFAULT 0,
    "history_accounts" BOOLEAN NOT NULL DEFAULT false,
    "chain_ids" UUID[],
    "step_ids" UUID[],
    "solid_ids" UUID[],
    "last_chain" UUID,
    "last_step" UUID,
    "release_id" UUID,
    "layers" JSONB NOT NULL DEFAULT '[]',
    "first_push_at" BIGINT,
    "first_seen_at" BIGINT,
    "fault" TEXT,

    CONSTRAINT "manifest_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "index_entry" (
    "index_digest" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "manifest_digest" TEXT NOT NULL,
    "platform" TEXT,
    "attestation" BOOLEAN NOT NULL DEFAULT false,
    "attests" TEXT,

    CONSTRAINT "index_entry_pkey" PRIMARY KEY ("index_digest","position")
);

-- CreateTable
CREATE TABLE "declaration" (
    "id" SERIAL NOT NULL,
    "subject" TEXT NOT NULL,
    "evidence" "evidence_kind" NOT NULL,
    "source" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "name" TEXT,
    "digest" TEXT,
    "platform" TEXT,
    "role" "base_role",
    "pinned" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "declaration_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "tag_fact" (
    "id" SERIAL NOT NULL,
    "repository_id" INTEGER NOT NULL,
    "tag" TEXT NOT NULL DEFAULT '',
    "kind" "tag_fact_kind" NOT NULL,
    "digest" TEXT,
    "at" BIGINT NOT NULL,
    "source_id" TEXT NOT NULL,
    "exact" BOOLEAN NOT NULL,

    CONSTRAINT "tag_fact_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "tag" (
    "id" SERIAL NOT NULL,
    "repository_id" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "ref" TEXT NOT NULL,
    "head_digest" TEXT,
    "head_at" BIGINT,
    "status" "tag_status",
    "because" JSONB NOT NULL DEFAULT '[]',
    "platforms" JSONB NOT NULL DEFAULT '[]',
    "disagreements" JSONB NOT NULL DEFAULT '[]',
    "outdated_since" BIGINT,
    "judged_at" TIMESTAMPTZ(3),

    CONSTRAINT "tag_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "tag_span" (
    "tag_id" INTEGER NOT NULL,
    "seq" INTEGER NOT NULL,
    "digest" TEXT NOT NULL,
    "from_at" BIGINT NOT NULL,
    "to_at" BIGINT,
    "exact" BOOLEAN NOT NULL,

    CONSTRAINT "tag_span_pkey" PRIMARY KEY ("tag_id","seq")
);

-- CreateTable
CREATE TABLE "dirty" (
    "id" SERIAL NOT NULL,
    "kind" "dirty_kind" NOT NULL,
    "key" TEXT NOT NULL,

    CONSTRAINT "dirty_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "cause" (
    "tag_id" INTEGER NOT NULL,
    "base" TEXT NOT NULL,
    "role" "base_role" NOT NULL,
    "from_digest" TEXT,
    "to_digest" TEXT NOT NULL,
    "evidence" "evidence_kind"[],
    "confidence" "confidence" NOT NULL,
    "still_at" TEXT[],
    "via" TEXT,
    "platforms" TEXT[],
    "counted" BOOLEAN NOT NULL,
    "since" BIGINT NOT NULL,
    "pinned" BOOLEAN NOT NULL DEFAULT false,
    "detail" JSONB NOT NULL DEFAULT '[]',

    CONSTRAINT "cause_pkey" PRIMARY KEY ("tag_id","base","role")
);

-- CreateTable
CREATE TABLE "namespace" (
    "key" TEXT NOT NULL,
    "visibility" "visibility" NOT NULL DEFAULT 'private',

    CONSTRAINT "namespace_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "person" (
    "name" TEXT NOT NULL,
    "email" TEXT,
    "display_name" TEXT,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "bot" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "person_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "member" (
    "namespace_key" TEXT NOT NULL,
    "user_name" TEXT NOT NULL,
    "role" "member_role" NOT NULL,

    CONSTRAINT "member_pkey" PRIMARY KEY ("namespace_key","user_name")
);

-- CreateTable
CREATE TABLE "credential" (
    "namespace_key" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "kind" "credential_kind" NOT NULL,
    "url_prefix" TEXT NOT NULL,
    "username" TEXT,
    "sealed" TEXT NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "credential_pkey" PRIMARY KEY ("namespace_key","name")
);

-- CreateTable
CREATE TABLE "recipe" (
    "ref" TEXT NOT NULL,
    "spec" JSONB NOT NULL,
    "auto" BOOLEAN NOT NULL,
    "count_on" "count_on" NOT NULL DEFAULT 'runtime',
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "recipe_pkey" PRIMARY KEY ("ref")
);

-- CreateTable
CREATE TABLE "build" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "ref" TEXT NOT NULL,
    "state" "build_state" NOT NULL DEFAULT 'queued',
    "builder" TEXT,
    "key" TEXT NOT NULL,
    "reason" JSONB NOT NULL,
    "root" TEXT,
    "note" TEXT,
    "recipe" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "steps" JSONB NOT NULL DEFAULT '[]',
    "commit" TEXT,
    "digest" TEXT,
    "bases" JSONB NOT NULL DEFAULT '[]',
    "error" JSONB,
    "claim_token" UUID,
    "cancel_asked" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "build_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "build_log" (
    "build_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "text" TEXT NOT NULL,

    CONSTRAINT "build_log_pkey" PRIMARY KEY ("build_id","seq")
);

-- CreateTable
CREATE TABLE "notice" (
    "id" SERIAL NOT NULL,
    "user_name" TEXT NOT NULL,
    "namespace" TEXT NOT NULL,
    "ref" TEXT NOT NULL,
    "root" TEXT NOT NULL,
    "content" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "mail_id" UUID,

    CONSTRAINT "notice_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "mail" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "message_id" TEXT NOT NULL,
    "user_name" TEXT NOT NULL,
    "to" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "html" TEXT NOT NULL,
    "state" "mail_state" NOT NULL,
    "error" TEXT,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_try_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "sent_at" TIMESTAMPTZ(3),

    CONSTRAINT "mail_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "setting" (
    "key" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "setting_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE UNIQUE INDEX "registry_name_key" ON "registry"("name");

-- CreateIndex
CREATE INDEX "repository_registry_id_namespace_idx" ON "repository"("registry_id", "namespace");

-- CreateIndex
CREATE UNIQUE INDEX "repository_registry_id_name_key" ON "repository"("registry_id", "name");

-- CreateIndex
CREATE INDEX "event_outcome_received_at_idx" ON "event"("outcome", "received_at");

-- CreateIndex
CREATE INDEX "event_received_at_idx" ON "event"("received_at");

-- CreateIndex
CREATE UNIQUE INDEX "event_registry_id_event_id_key" ON "event"("registry_id", "event_id");

-- CreateIndex
CREATE INDEX "manifest_last_chain_idx" ON "manifest"("last_chain");

-- CreateIndex
CREATE INDEX "manifest_chain_ids_gin" ON "manifest" USING GIN ("chain_ids");

-- CreateIndex
CREATE INDEX "index_entry_manifest_digest_idx" ON "index_entry"("manifest_digest");

-- CreateIndex
CREATE INDEX "declaration_name_idx" ON "declaration"("name");

-- CreateIndex
CREATE INDEX "declaration_digest_idx" ON "declaration"("digest");

-- CreateIndex
CREATE UNIQUE INDEX "declaration_subject_evidence_source_position_key" ON "declaration"("subject", "evidence", "source", "position");

-- CreateIndex
CREATE INDEX "tag_fact_repository_id_tag_idx" ON "tag_fact"("repository_id", "tag");

-- CreateIndex
CREATE UNIQUE INDEX "tag_fact_repository_id_source_id_kind_tag_key" ON "tag_fact"("repository_id", "source_id", "kind", "tag");

-- CreateIndex
CREATE UNIQUE INDEX "tag_ref_key" ON "tag"("ref");

-- CreateIndex
CREATE INDEX "tag_head_digest_idx" ON "tag"("head_digest");

-- CreateIndex
CREATE INDEX "tag_status_idx" ON "tag"("status");

-- CreateIndex
CREATE UNIQUE INDEX "tag_repository_id_name_key" ON "tag"("repository_id", "name");

-- CreateIndex
CREATE INDEX "tag_span_digest_idx" ON "tag_span"("digest");

-- CreateIndex
CREATE INDEX "cause_base_idx" ON "cause"("base");

-- CreateIndex
CREATE INDEX "cause_via_idx" ON "cause"("via");

-- CreateIndex
CREATE INDEX "build_ref_created_at_idx" ON "build"("ref", "created_at");

-- CreateIndex
CREATE INDEX "build_state_idx" ON "build"("state");

-- CreateIndex
CREATE INDEX "build_key_idx" ON "build"("key");

-- CreateIndex
CREATE INDEX "build_digest_idx" ON "build"("digest");

-- CreateIndex
CREATE INDEX "build_root_idx" ON "build"("root");

-- CreateIndex
CREATE INDEX "notice_mail_id_idx" ON "notice"("mail_id");

-- CreateIndex
CREATE UNIQUE INDEX "notice_user_name_ref_root_key" ON "notice"("user_name", "ref", "root");

-- CreateIndex
CREATE UNIQUE INDEX "mail_message_id_key" ON "mail"("message_id");

-- CreateIndex
CREATE INDEX "mail_state_idx" ON "mail"("state");

-- CreateIndex
CREATE INDEX "mail_to_idx" ON "mail"("to");

-- AddForeignKey
ALTER TABLE "repository" ADD CONSTRAINT "repository_registry_id_fkey" FOREIGN KEY ("registry_id") REFERENCES "registry"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event" ADD CONSTRAINT "event_registry_id_fkey" FOREIGN KEY ("registry_id") REFERENCES "registry"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "index_entry" ADD CONSTRAINT "index_entry_index_digest_fkey" FOREIGN KEY ("index_digest") REFERENCES "manifest"("digest") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tag_fact" ADD CONSTRAINT "tag_fact_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "repository"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tag" ADD CONSTRAINT "tag_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "repository"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tag_span" ADD CONSTRAINT "tag_span_tag_id_fkey" FOREIGN KEY ("tag_id") REFERENCES "tag"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "cause" ADD CONSTRAINT "cause_tag_id_fkey" FOREIGN KEY ("tag_id") REFERENCES "tag"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "member" ADD CONSTRAINT "member_namespace_key_fkey" FOREIGN KEY ("namespace_key") REFERENCES "namespace"("key") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "member" ADD CONSTRAINT "member_user_name_fkey" FOREIGN KEY ("user_name") REFERENCES "person"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credential" ADD CONSTRAINT "credential_namespace_key_fkey" FOREIGN KEY ("namespace_key") REFERENCES "namespace"("key") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "build_log" ADD CONSTRAINT "build_log_build_id_fkey" FOREIGN KEY ("build_id") REFERENCES "build"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "notice" ADD CONSTRAINT "notice_mail_id_fkey" FOREIGN KEY ("mail_id") REFERENCES "mail"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- What Prisma's schema language cannot say: one build of a tag waits, one runs.
CREATE UNIQUE INDEX "build_queued_once" ON "build"("ref") WHERE "state" = 'queued';
CREATE UNIQUE INDEX "build_running_once" ON "build"("ref") WHERE "state" = 'running';
