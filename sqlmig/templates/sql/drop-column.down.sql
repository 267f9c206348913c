-- The way back from ${title}: the column as it was in the database when this file was written.
${notes}

${restore}
