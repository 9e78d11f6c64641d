-- CreateIndex
CREATE INDEX "build_namespace_key_started_at_idx" ON "build"("namespace_key", "started_at");
