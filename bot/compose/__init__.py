"""A report is made: stock is taken, message, chart and workbook are made of it."""
