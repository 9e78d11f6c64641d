-- Whose base a tag is stands in tag_base now, and writing a verdict is cheaper without this.
DROP INDEX "tag_base_names_gin";
