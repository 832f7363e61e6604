"""What is printed: receipts and statements as text for a printer and as PDF, in English and 中文."""
