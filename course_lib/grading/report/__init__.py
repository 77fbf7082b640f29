"""What people read of the results: pages, tables, exports."""
